import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";

/** A connection to a browser, which takes what it is given, or not. */
export class FakeResponse extends EventEmitter {
  readonly written: string[] = [];

  /** Whether the next text fills it. */
  full: boolean = false;
  destroyed: boolean = false;
  ended: boolean = false;

  write(text: string): boolean {
    this.written.push(text);
    return !this.full;
  }

  /** The browser has taken what there was. */
  drain(full = false): void {
    this.full = full;
    this.emit("drain");
  }

  end(): void {
    this.ended = true;
    this.emit("close");
  }

  destroy(): void {
    this.destroyed = true;
    this.emit("close");
  }

  get response(): ServerResponse {
    return this as unknown as ServerResponse;
  }

  /** The events so far, and forgets them. */
  take(): { event: string; id: string | undefined; data: Record<string, unknown> }[] {
    const blocks = this.written.splice(0).join("").split("\n\n").filter(Boolean);
    return blocks.flatMap((block) => {
      const field = (name: string): string | undefined =>
        new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
      const event = field("event");
      if (event === undefined) return [];
      const data = JSON.parse(field("data") ?? "") as Record<string, unknown>;
      return [{ event, id: field("id"), data }];
    });
  }
}
