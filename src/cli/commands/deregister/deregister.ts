import { deregister, type Removal } from "../../../operate/deregister.ts";
import type { CommandContext } from "../../command-context.ts";
import { exitCodes } from "../../exit-codes.ts";
import { chosenHost, described } from "../../operating/chosen-host.ts";
import { confirmed } from "../../operating/confirmed.ts";
import { operate } from "../../operating/operate.ts";
import { Refusal } from "../../operating/refusal.ts";
import { shellWords } from "../../operating/shell-words.ts";
import { terminalText } from "../../terminal-text.ts";
import { UsageError } from "../../usage-error.ts";

/** Deletes a host's record. */
export async function run(
  context: CommandContext,
  [service = "", word = ""]: readonly string[],
  { yes = false }: { readonly yes?: boolean },
): Promise<number> {
  context.refuseRest();
  if (!yes && !process.stdin.isTTY) {
    throw new UsageError(
      "deregister asks first, and there is no terminal to ask on; --yes does without",
    );
  }
  return operate(context, async (operation) => {
    const { output, signal } = context;
    const { call, ownerMs, store } = operation;
    const host = await chosenHost(operation, service, word);
    const { uuid } = host;
    if (!yes) {
      const question = `Delete the record of this host of ${service}? ${described(host)}`;
      if (!(await confirmed(terminalText(question), signal))) {
        throw new Refusal(exitCodes.failed, "not confirmed, so nothing was changed");
      }
    }
    const removal = await deregister(store, host, { ...call, backMs: ownerMs });
    output.item({ service, uuid, deleted: removal !== "absent", back: removal === "back" }, () =>
      terminalText(`${service} ${uuid}: ${said[removal]}`),
    );
    if (removal === "unseen") {
      throw new Refusal(
        exitCodes.away,
        `contact with ${context.where} was lost after that, so that the host may have come back`,
      );
    }
    if (removal !== "back") return exitCodes.ok;
    const drain = shellWords("etcd-discovery", "drain", service, uuid);
    throw new Refusal(exitCodes.failed, "it came back: its owner lives and keeps it registered", [
      `To give it no new work: ${drain}`,
      "To be rid of it, end the process that has registered it.",
    ]);
  });
}

const said: Readonly<Record<Removal, string>> = {
  absent: "was gone already",
  back: "deleted, and put back by its owner",
  deleted: "deleted",
  unseen: "deleted",
};
