import { assertServiceName } from "../../../model/keys.ts";
import { newPassword } from "../../../operate/new-password.ts";
import type { CommandContext } from "../../command-context.ts";
import { milliseconds, passwordFrom } from "../../connection-flags.ts";
import { operate } from "../../operating/operate.ts";
import { Rotation } from "../../operating/rotation.ts";
import { SecretFile } from "../../operating/secret-file.ts";
import { UsageError } from "../../usage-error.ts";

interface RotateOptions {
  readonly output?: string;
  readonly force?: boolean;
  readonly showCredentials?: boolean;
  readonly user?: string;
  readonly newPasswordFile?: string;
  readonly wait?: string;
}

/** Gives a service new credentials. */
export async function run(
  context: CommandContext,
  [service = ""]: readonly string[],
  { force = false, output: path, showCredentials: show = false, ...options }: RotateOptions,
): Promise<number> {
  context.refuseRest();
  if (path === undefined && !show) {
    throw new UsageError(
      "nobody would know the new password: --output <file> writes it, --show-credentials prints it",
    );
  }
  if (path === "-") throw new UsageError("--output is a file; --show-credentials prints");
  if (options.user === "") throw new UsageError("--user must not be empty");
  assertServiceName(service);
  const withinMs = milliseconds("--wait", options.wait ?? "10s");
  const password = givenPassword(options.newPasswordFile) ?? newPassword();
  return operate(context, async (operation) => {
    const file = path === undefined ? undefined : await SecretFile.claim(path, force);
    const rotation = new Rotation(context, operation, { service, file, show });
    return rotation.run({ user: options.user, password, withinMs });
  });
}

function givenPassword(source: string | undefined): string | undefined {
  if (source === undefined) return undefined;
  return passwordFrom("--new-password-file", source === "-" ? 0 : source);
}
