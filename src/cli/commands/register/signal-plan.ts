/** What to do when a signal comes. */
export type SignalAction = "stop" | "forward" | "suspend" | "ignore";

/** Which signals are seen to, and how. Those that are not named do what they do to any process. */
export type SignalPlan = Readonly<Partial<Record<NodeJS.Signals, SignalAction>>>;

/** Ends us, with nothing to run: whatever the signal says, it is time to unregister. */
const alone: SignalPlan = { SIGHUP: "stop", SIGINT: "stop", SIGTERM: "stop", SIGQUIT: "stop" };

/** The command leads a session of its own, so that what is typed on the terminal comes to us only. */
const apart: SignalPlan = {
  SIGINT: "stop",
  SIGTERM: "stop",
  SIGQUIT: "stop",
  SIGUSR1: "forward",
  SIGUSR2: "forward",
  SIGWINCH: "forward",
  SIGCONT: "forward",
  SIGTSTP: "suspend",
};

/** What is typed on the terminal comes to the command as to us, and some programs go on after it. */
const together: SignalPlan = {
  SIGINT: "ignore",
  SIGQUIT: "ignore",
  SIGTERM: "stop",
  SIGHUP: "stop",
  SIGUSR1: "forward",
  SIGUSR2: "forward",
};

/** `terminal`: whether anything of ours is one; there SIGHUP says that it is gone, and elsewhere, by custom, to read the settings again. */
export function signalPlan(how: {
  readonly command: boolean;
  readonly foreground: boolean;
  readonly terminal: boolean;
}): SignalPlan {
  if (!how.command) return alone;
  if (how.foreground && how.terminal) return together;
  return { ...apart, SIGHUP: how.terminal ? "stop" : "forward" };
}
