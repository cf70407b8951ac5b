// @ts-check
import { fork } from "node:child_process";
import { once } from "node:events";
import { Discovery } from "etcd-discovery";
import { memoryStore } from "etcd-discovery/testing";
import { startFollower } from "./follower.js";
import { startService } from "./service.js";

/** @typedef {"first" | "service" | "follower"} Role The first instance of the service brings the password. */

/**
 * @typedef {object} Actor
 * @property {() => Promise<void>} rotate gives the service a new password
 * @property {() => Promise<void>} kill what SIGKILL does
 * @property {string} death what {@link kill} is, in words
 * @property {() => Promise<void>} leave what SIGTERM does; resolves when it has left
 */

/** @typedef {(role: Role, who: string) => Promise<Actor>} Stage Lets an actor enter. */

/**
 * Every actor is a process of its own, on an etcd.
 *
 * @param {NodeJS.ProcessEnv} env with the `ETCD_…` variables that lead there
 * @param {string} service
 * @param {(event: import("./timeline.js").Event) => void} tell
 * @param {(error: Error) => void} fail told of a process that ends when nobody asked it to
 * @returns {Stage}
 */
export function inProcesses(env, service, tell, fail) {
  return async (role, who) => {
    const child = fork(new URL("actor.js", import.meta.url), [role, service, who], { env });
    let leaving = false;
    const gone = once(child, "exit").then(([code, signal]) => {
      const how = `${who} ended by ${signal ?? `exit code ${code}`}`;
      if (!leaving || (code !== 0 && signal !== "SIGKILL")) fail(new Error(how));
    });
    child.on("message", (event) => tell(/** @type {import("./timeline.js").Event} */ (event)));
    /** @param {NodeJS.Signals} signal */
    const end = async (signal) => {
      leaving = true;
      child.kill(signal);
      await gone;
    };
    return {
      death: `kill -9 ${child.pid} (${who})`,
      rotate: async () => void child.send("rotate"),
      kill: () => end("SIGKILL"),
      leave: () => end("SIGTERM"),
    };
  };
}

/**
 * All actors in this process, on the memory store, where each is a client of its own.
 *
 * @param {string} service
 * @param {(event: import("./timeline.js").Event) => void} tell
 * @returns {Stage}
 */
export function inMemory(service, tell) {
  const store = memoryStore();
  return async (role, who) => {
    const client = store.connect();
    const discovery = new Discovery({ store: client });
    /** @type {import("./timeline.js").Tell} */
    const tellAs = (kind, text, node) => tell({ who, kind, text, ...(node && { node }) });
    const actor = { discovery, service, node: who, bringsPassword: role === "first", tell: tellAs };
    if (role === "follower") {
      const follower = await startFollower(actor);
      const leave = async () => {
        await follower.stop();
        await discovery.close();
      };
      return { death: "", rotate: async () => {}, kill: leave, leave };
    }
    const instance = await startService(actor);
    return {
      death: `${who} falls silent, as after kill -9`,
      rotate: () => instance.rotate(),
      async kill() {
        client.kill();
        instance.crash();
        await discovery.close();
      },
      async leave() {
        await instance.leave();
        await discovery.close();
      },
    };
  };
}
