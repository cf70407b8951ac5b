import { awaitGone } from "../../../operate/await-gone.ts";
import type { CommandContext } from "../../command-context.ts";
import { milliseconds } from "../../connection-flags.ts";
import { exitCodes } from "../../exit-codes.ts";
import { operate } from "../../operating/operate.ts";
import { giveOrder } from "../../operating/order.ts";
import { Refusal } from "../../operating/refusal.ts";
import { terminalText } from "../../terminal-text.ts";

interface DrainOptions {
  /** True: without a time. */
  readonly wait?: string | true;
}

/** Orders a host to drain. */
export async function run(
  context: CommandContext,
  [service = "", word = ""]: readonly string[],
  { wait }: DrainOptions,
): Promise<number> {
  context.refuseRest();
  const withinMs = wait === undefined ? undefined : milliseconds("--wait", timeOf(wait));
  return operate(context, async (operation) => {
    const { output } = context;
    const { host, outcome } = await giveOrder(context, operation, [service, word], true);
    if (withinMs === undefined || outcome === "gone") return exitCodes.ok;
    const { uuid } = host;
    output.note(`Waiting for ${uuid} to leave.`);
    const limits = { ...operation.call, withinMs };
    if (!(await awaitGone(operation.store, host, limits))) {
      throw new Refusal(exitCodes.failed, `${uuid} has not left within ${withinMs / 1_000} s`, [
        "It is still draining. It leaves when its process ends, or decides to.",
      ]);
    }
    output.item({ service, uuid, gone: true }, () => terminalText(`${service} ${uuid}: has left`));
    return exitCodes.ok;
  });
}

function timeOf(wait: string | true): string {
  return wait === true ? "5m" : wait;
}
