import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** Paints text for one stream, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string;

/**
 * Decides once whether a stream gets colours: by `--color` or `--no-color`, else `FORCE_COLOR`, `NO_COLOR`
 * (each only if not empty), `TERM=dumb`, else whether it is a terminal.
 */
export function painter(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
  flag: boolean | undefined,
): Paint {
  if (!coloured(stream, env, flag)) return (_, text) => text;
  return (style, text) => styleText(style, text, { validateStream: false });
}

function coloured(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
  flag: boolean | undefined,
): boolean {
  if (flag !== undefined) return flag;
  if (env["FORCE_COLOR"]) return env["FORCE_COLOR"] !== "0";
  if (env["NO_COLOR"]) return false;
  if (env["TERM"] === "dumb") return false;
  return stream.isTTY === true;
}
