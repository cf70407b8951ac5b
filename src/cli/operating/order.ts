import { terminalText } from "../terminal-text.ts";
import { type OrderOutcome, orderDraining } from "../../operate/order-draining.ts";
import type { HostOnStore } from "../../operate/host-records.ts";
import type { CommandContext } from "../command-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { chosenHost } from "./chosen-host.ts";
import type { Operation } from "./operate.ts";
import { Refusal } from "./refusal.ts";
import { shellWords } from "./shell-words.ts";

/** An order that was given. */
export interface GivenOrder {
  readonly host: HostOnStore;
  readonly outcome: Exclude<OrderOutcome, "refused">;
}

/** Orders a host to drain, or not to any longer, and tells what was changed and how to undo it. */
export async function giveOrder(
  context: CommandContext,
  operation: Operation,
  [service, word]: readonly [service: string, word: string],
  draining: boolean,
): Promise<GivenOrder> {
  const { output } = context;
  const { call, ownerMs, store } = operation;
  const host = await chosenHost(operation, service, word);
  const { uuid } = host;
  if (host.record === undefined) {
    const deregister = shellWords("etcd-discovery", "deregister", service, uuid);
    throw new Refusal(exitCodes.failed, `the record of ${uuid} cannot be read`, [
      `Nobody finds such a host. To delete its record: ${deregister}`,
    ]);
  }
  const outcome = await orderDraining(store, host, draining, { ...call, confirmMs: ownerMs });
  if (outcome === "refused") {
    throw new Refusal(
      exitCodes.failed,
      draining
        ? `its owner has written the record of ${uuid} anew, without the mark`
        : `${uuid} drains because its owner wants it to, and only that can call it off`,
    );
  }
  const changed = outcome !== "unchanged";
  const fields = { changed, confirmed: outcome === "confirmed", gone: outcome === "gone" };
  output.item({ service, uuid, draining, ...fields }, () =>
    terminalText(`${service} ${uuid}: ${said(draining, outcome)}`),
  );
  if (outcome === "unconfirmed") {
    const seconds = ownerMs / 1_000;
    output.warn(
      draining
        ? `nothing was heard of its owner within ${seconds} s: it may be away, or a client that does not know draining, as those in Go and Ruby; these get work until they end`
        : `nothing was heard of its owner within ${seconds} s: it may be away`,
    );
  }
  if (changed && outcome !== "gone") {
    const undo = draining ? "undrain" : "drain";
    output.note(`Undo: ${shellWords("etcd-discovery", undo, service, uuid)}`);
  }
  return { host, outcome };
}

function said(draining: boolean, outcome: GivenOrder["outcome"]): string {
  if (outcome === "gone") return "has left";
  if (outcome === "unchanged") return draining ? "is draining already" : "is not draining";
  return draining ? "draining; gets no new work while others live" : "not draining any longer";
}
