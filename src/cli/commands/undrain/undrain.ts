import type { CommandContext } from "../../command-context.ts";
import { exitCodes } from "../../exit-codes.ts";
import { operate } from "../../operating/operate.ts";
import { giveOrder } from "../../operating/order.ts";

/** Takes back the order to drain. */
export async function run(
  context: CommandContext,
  [service = "", word = ""]: readonly string[],
): Promise<number> {
  context.refuseRest();
  return operate(context, async (operation) => {
    const { outcome } = await giveOrder(context, operation, [service, word], false);
    if (outcome !== "gone") return exitCodes.ok;
    return exitCodes.notFound;
  });
}
