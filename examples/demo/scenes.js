// @ts-check
import { once } from "node:events";
import { setImmediate as nextTurn } from "node:timers/promises";

/** @typedef {import("./timeline.js").Event} Event */
/** @typedef {import("./stages.js").Actor} Actor */

/**
 * Plays the scenes, each until it has been seen to happen; rejects if one is not.
 *
 * @param {import("./stages.js").Stage} enter
 * @param {import("./timeline.js").Timeline} timeline
 * @param {AbortSignal} signal
 */
export async function playScenes(enter, timeline, signal) {
  /** @type {Map<string, Actor>} */
  const cast = new Map();
  // A turn later, so that whoever waits for something can say for what.
  const failure = once(signal, "abort")
    .then(() => nextTurn())
    .then(() => Promise.reject(signal.reason));
  try {
    /** @type {import("./stages.js").Stage} */
    const enterCast = async (role, who) => {
      const actor = await enter(role, who);
      cast.set(who, actor);
      return actor;
    };
    await Promise.race([play(enterCast, timeline, signal), failure]);
  } catch (error) {
    await Promise.all([...cast.values()].map((actor) => actor.kill()));
    throw error;
  }
}

/** @type {typeof playScenes} */
async function play(enter, timeline, signal) {
  /** @type {(what: string, happened: (events: readonly Event[]) => boolean) => Promise<void>} */
  const until = (what, happened) => timeline.until(what, happened, signal);
  const nodes = ["node-1", "node-2", "node-3"];

  timeline.scene("Three services register under one name; a follower is told of each");
  const follower = await enter("follower", "follower");
  await until("the follower follows", saw("following"));
  const first = await enter("first", "node-1");
  await until("node-1 registers", saw("registered"));
  const [killed, leaving] = await Promise.all([
    enter("service", "node-2"),
    enter("service", "node-3"),
  ]);
  await until("all three register", (events) => count(events, "registered") === 3);
  await until("the follower is told of all three", saw("up", nodes));

  timeline.scene("The follower calls them in turn, by the urls that it was told");
  await until("every one of them is called", saw("called", nodes));

  timeline.scene("The password is rotated: one changes it, the others take it");
  await first.rotate();
  await until("node-2 and node-3 take it", (events) => count(events, "adopted") === 2);
  await until("the follower is told of the new password", saw("update", nodes));
  await until("a call with the new password succeeds", sawAfter("update", "called"));

  timeline.scene("node-2 is killed: when its lease of 5 s runs out, everybody knows");
  const killedAt = timeline.seconds;
  timeline.tell({ who: "demo", kind: "killed", text: killed.death });
  await killed.kill();
  await until("the follower is told that node-2 is down", sawDown("node-2", "expired"));
  timeline.note(`seen ${(timeline.seconds - killedAt).toFixed(2)} s after the kill`);

  timeline.scene("node-3 leaves gently: first it gets no more work, then it goes");
  await leaving.leave();
  await until("the follower is told that node-3 is about to leave", saw("draining", ["node-3"]));
  await until("the follower is told that node-3 has left", sawDown("node-3", "unregistered"));
  await until("node-1 alone is called", sawAfter("down", "called"));

  timeline.title("The last ones go home.");
  await follower.leave();
  await first.leave();
}

/**
 * Whether something happened, to all of these.
 *
 * @param {string} kind
 * @param {readonly (string | undefined)[]} nodes
 * @returns {(events: readonly Event[]) => boolean}
 */
function saw(kind, nodes = [undefined]) {
  return (events) =>
    nodes.every((node) =>
      events.some((event) => event.kind === kind && (!node || event.node === node)),
    );
}

/**
 * @param {string} before
 * @param {string} after
 * @returns {(events: readonly Event[]) => boolean}
 */
function sawAfter(before, after) {
  return (events) =>
    events
      .slice(events.findLastIndex(({ kind }) => kind === before) + 1)
      .some(({ kind }) => kind === after);
}

/**
 * @param {string} node
 * @param {string} reason
 * @returns {(events: readonly Event[]) => boolean}
 */
function sawDown(node, reason) {
  return (events) =>
    events.some(
      (event) => event.kind === "down" && event.node === node && event.text.endsWith(reason),
    );
}

/**
 * @param {readonly Event[]} events
 * @param {string} wanted
 */
function count(events, wanted) {
  return events.filter(({ kind }) => kind === wanted).length;
}
