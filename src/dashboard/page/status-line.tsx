import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { summaries } from "./selection.ts";
import { all, link, loaded } from "./store.ts";
import { countWords, troubleWords } from "./words.ts";

/** Whoever listens to the page is told no more often. */
const everyMs = 5_000;

/** One line for those who hear the page instead of seeing it. */
export function StatusLine(): VNode {
  const [words, setWords] = useState("");
  useEffect(() => {
    setWords(statusWords());
    const timer = setInterval(() => setWords(statusWords()), everyMs);
    return () => clearInterval(timer);
  }, []);
  return (
    <p role="status" class="unseen">
      {words}
    </p>
  );
}

function statusWords(): string {
  const { connected, state } = link.peek();
  if (!loaded.peek()) return "";
  const { hosts, services } = all.peek().known;
  const bad = summaries.peek().filter(({ health }) => health.level === "bad").length;
  const faults = bad === 0 ? "none has a fault" : `${bad} with a fault`;
  const counts = `${countWords(services.size, "service")}, ${faults}; ${countWords(hosts.size, "host")}.`;
  if (connected && state?.source === "live") return `Live. ${counts}`;
  return `Not live: ${troubleWords(link.peek())}. ${counts}`;
}
