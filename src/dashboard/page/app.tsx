import type { VNode } from "preact";
import { Header } from "./header.tsx";
import { HostDialog } from "./host-dialog.tsx";
import { HostTable } from "./host-table.tsx";
import { LogTable, RecentLog } from "./log.tsx";
import { ServiceTable } from "./service-table.tsx";
import { SignIn } from "./sign-in.tsx";
import { StatusLine } from "./status-line.tsx";
import { place } from "./navigation.ts";
import { signedIn } from "./signing-in.ts";

export function App(): VNode {
  if (signedIn.value === false) return <SignIn />;
  const { view } = place.value;
  return (
    <>
      <Header />
      <StatusLine />
      <div class={view === "log" ? "content" : "content with-aside"}>
        <main>
          {view === "services" && <ServiceTable />}
          {view === "hosts" && <HostTable />}
          {view === "log" && <LogTable />}
        </main>
        {view !== "log" && <RecentLog />}
      </div>
      <HostDialog />
    </>
  );
}
