import { randomUUID } from "node:crypto";
import { open, rename, unlink } from "node:fs/promises";
import { Host, hostRecord } from "../../model/host.ts";
import { decodeHost, encodeHost } from "../../model/record.ts";
import { shown } from "../../model/refuse.ts";

/** The hosts of a service as they were known at one moment. */
export interface Snapshot {
  /** The newest revision of the store that is covered. */
  readonly revision: number;

  /** When all of this was still told by etcd, in milliseconds of the wall clock. */
  readonly liveAt: number;
  readonly hosts: readonly Host[];
}

/** Of the form of the file. */
const version = 1;

/** Older ones say nothing about the hosts of today. */
const oldestMs = 24 * 60 * 60 * 1_000;

/**
 * Replaces the file by this snapshot, all of it or nothing, whatever happens to process and machine.
 * It holds passwords, and is for its owner only.
 */
export async function writeSnapshot(
  file: string,
  service: string,
  { revision, liveAt, hosts }: Snapshot,
): Promise<void> {
  const records = hosts.map((host) => Buffer.from(encodeHost(hostRecord(host))).toString());
  const head = JSON.stringify({ version, service, revision, liveAt });
  const text = `${head.slice(0, -1)},"hosts":[\n${records.join(",\n")}\n]}\n`;
  const temporary = `${file}.${randomUUID()}.tmp`;
  try {
    const handle = await open(temporary, "wx", 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
}

/** What is in the file; undefined if there is none. Rejects with an `Error` that says why it cannot be used. */
export async function readSnapshot(
  file: string,
  service: string,
  now: number,
): Promise<Snapshot | undefined> {
  const text = await readOwn(file);
  if (text === undefined) return undefined;
  const { liveAt, revision, ...rest } = parse(text);
  if (rest["version"] !== version) throw new Error(`its version is ${shown(rest["version"])}`);
  if (rest["service"] !== service) throw new Error(`it is of service ${shown(rest["service"])}`);
  const { hosts } = rest;
  if (typeof revision !== "number" || typeof liveAt !== "number" || !Array.isArray(hosts)) {
    throw new Error("it is no snapshot");
  }
  if (now - liveAt > oldestMs) throw new Error("it is older than a day");
  return { revision, liveAt, hosts: hosts.map((record) => hostOf(record, service)) };
}

async function readOwn(file: string): Promise<string | undefined> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(file, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const { mode, uid } = await handle.stat();
    // Requests go where it says, with their passwords. On Windows there are no such owners and modes.
    const user = process.getuid?.();
    if (user !== undefined && uid !== user && uid !== 0) {
      throw new Error("it belongs to another user");
    }
    if (user !== undefined && (mode & 0o022) !== 0) {
      throw new Error("others than its owner may write to it");
    }
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) return parsed as Record<string, unknown>;
  } catch {
    // Not passed on as the cause: the parser quotes the text around the fault, which may be a password.
  }
  throw new Error("it is not JSON");
}

function hostOf(record: unknown, service: string): Host {
  const uuid = typeof record === "object" && record !== null && "uuid" in record && record.uuid;
  if (typeof uuid !== "string") throw new Error("a host in it has no uuid");
  return new Host(decodeHost(Buffer.from(JSON.stringify(record)), service, uuid));
}
