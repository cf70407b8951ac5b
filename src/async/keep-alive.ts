/**
 * Keeps the process alive while anybody holds it. Sockets and timers of this package never do by
 * themselves, so that what may hold the process is decided in one place.
 */
export class KeepAlive {
  #holders = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Holds the process until the returned function is called; further calls of it do nothing. */
  hold(): () => void {
    this.#holders += 1;
    this.#timer ??= setInterval(() => {}, 2 ** 30);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holders -= 1;
      if (this.#holders === 0) {
        clearInterval(this.#timer);
        this.#timer = undefined;
      }
    };
  }

  /** Holds the process until the promise has settled, and returns it. */
  async during<T>(promise: Promise<T>): Promise<T> {
    const release = this.hold();
    try {
      return await promise;
    } finally {
      release();
    }
  }
}
