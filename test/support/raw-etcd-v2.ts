import { Agent, type IncomingMessage, request } from "node:http";

/** A key of etcd's v2 API, as its answers have it. */
export interface RawNode {
  readonly key: string;
  readonly value?: string;
  readonly dir?: true;
  readonly nodes?: readonly RawNode[];
  readonly createdIndex: number;
  readonly modifiedIndex: number;

  /** Seconds left, rounded up; without it the key stays. */
  readonly ttl?: number;
}

/** What etcd answers to a request for keys, and what its watches tell. */
export interface RawAnswer {
  readonly action: string;
  readonly node: RawNode;
  readonly prevNode?: RawNode;

  /** etcd's index when it answered (`X-Etcd-Index`); for a poll, when that began. */
  readonly index: number;
}

/** What etcd says when it refuses a request. */
class RawEtcdV2Error extends Error {
  override readonly name = "RawEtcdV2Error";

  /** Such as 100 (no such key) or 401 (the history no longer has that index). */
  readonly errorCode: number;

  /** etcd's index when it refused. */
  readonly index: number;

  constructor(what: string, answer: { errorCode?: number; message?: string; index?: number }) {
    super(`${what}: ${answer.message ?? JSON.stringify(answer)}`);
    this.errorCode = answer.errorCode ?? 0;
    this.index = answer.index ?? 0;
  }
}

/** Where a poll begins, how far it looks, and what it tells. */
export interface RawPoll {
  readonly recursive?: boolean;

  /** The first index that is wanted; 0: whatever comes next. */
  readonly waitIndex?: number;
  readonly signal?: AbortSignal;

  /** Called when etcd has taken the poll: no event can be missed from then on. */
  readonly opened?: () => void;
}

type Parameters = Readonly<Record<string, string | number | boolean>>;

const agent = new Agent({ keepAlive: true });

/** etcd by its v2 keys API, in plain HTTP: what other clients do, and what an onlooker sees. */
export class RawEtcdV2 {
  readonly #endpoint: string;
  readonly #headers: Readonly<Record<string, string>>;

  /** @param password of root, where etcd asks for it */
  constructor(endpoint: string, password?: string) {
    this.#endpoint = endpoint;
    const credentials = Buffer.from(`root:${password}`).toString("base64");
    this.#headers = password === undefined ? {} : { Authorization: `Basic ${credentials}` };
  }

  /** A key, or a directory with all that is in it. */
  async get(key: string, signal?: AbortSignal): Promise<RawNode | undefined> {
    try {
      const query = { recursive: true, quorum: true, sorted: true };
      return (await this.#keys("GET", key, { query, signal })).node;
    } catch (error) {
      if (error instanceof RawEtcdV2Error && error.errorCode === 100) return undefined;
      throw error;
    }
  }

  /** All keys with a value below a directory, in their order. */
  async list(directory: string): Promise<Map<string, RawNode>> {
    const found = new Map<string, RawNode>();
    const take = (node: RawNode | undefined): void => {
      if (node?.dir === undefined) {
        if (node !== undefined) found.set(node.key, node);
      } else for (const each of node.nodes ?? []) take(each);
    };
    take(await this.get(directory));
    return found;
  }

  /** Sets a key, whatever it was; `conditions` are parameters such as `prevExist` and `prevIndex`. */
  async put(
    key: string,
    value: string,
    ttl?: number,
    conditions: Parameters = {},
  ): Promise<RawAnswer> {
    const form = ttl === undefined ? { value } : { ttl, value };
    return await this.#keys("PUT", key, { query: conditions, form });
  }

  /** Makes an empty directory. */
  async makeDirectory(key: string): Promise<void> {
    await this.#keys("PUT", key, { form: { dir: true } });
  }

  /** Deletes a key, or a directory with all that is in it. */
  async delete(key: string, conditions: Parameters = {}): Promise<RawAnswer> {
    return await this.#keys("DELETE", key, { query: conditions });
  }

  /** Prolongs a key's life without waking anybody. */
  async refresh(key: string, ttl: number): Promise<RawAnswer> {
    return await this.#keys("PUT", key, { form: { ttl, refresh: true, prevExist: true } });
  }

  /** A long poll: one event, however long that takes. */
  async poll(
    key: string,
    { recursive, waitIndex, signal, opened }: RawPoll = {},
  ): Promise<RawAnswer> {
    const query = { wait: true, recursive: recursive === true, waitIndex: waitIndex ?? 0 };
    return await this.#keys("GET", key, { query, signal, opened });
  }

  /** etcd's index now. */
  async index(): Promise<number> {
    return (await this.#keys("GET", "/", {})).index;
  }

  /** Switches passwords on, takes everything from whoever gives none, and returns root. */
  async enableAuth(rootPassword: string): Promise<RawEtcdV2> {
    await this.#auth("/users/root", { user: "root", password: rootPassword });
    await this.#auth("/enable", {});
    const root = new RawEtcdV2(this.#endpoint, rootPassword);
    const everything = { read: ["/*"], write: ["/*"] };
    await root.#auth("/roles/guest", { role: "guest", revoke: { kv: everything } });
    return root;
  }

  async #keys(
    method: string,
    key: string,
    options: {
      readonly query?: Parameters;
      readonly form?: Parameters;
      readonly signal?: AbortSignal | undefined;
      readonly opened?: (() => void) | undefined;
    },
  ): Promise<RawAnswer> {
    const query = encoded(options.query);
    const path = key.split("/").map(encodeURIComponent).join("/");
    const { response, body } = await this.#send(
      method,
      `/v2/keys${path}${query && "?"}${query}`,
      "application/x-www-form-urlencoded",
      options.form && encoded(options.form),
      options,
    );
    const answer = parsed(body);
    if ((response.statusCode ?? 0) >= 300) throw new RawEtcdV2Error(`${method} ${key}`, answer);
    const index = Number(response.headers["x-etcd-index"]);
    return { ...(answer as Omit<RawAnswer, "index">), index };
  }

  async #auth(path: string, body: object): Promise<void> {
    const answer = await this.#send(
      "PUT",
      `/v2/auth${path}`,
      "application/json",
      JSON.stringify(body),
    );
    if ((answer.response.statusCode ?? 0) >= 300) {
      throw new RawEtcdV2Error(`PUT ${path}`, parsed(answer.body));
    }
  }

  #send(
    method: string,
    path: string,
    type: string,
    body: string | undefined,
    options: {
      readonly signal?: AbortSignal | undefined;
      readonly opened?: (() => void) | undefined;
    } = {},
  ): Promise<{ readonly response: IncomingMessage; readonly body: string }> {
    return new Promise((resolve, reject) => {
      const { signal, opened } = options;
      const headers =
        body === undefined
          ? this.#headers
          : { ...this.#headers, "Content-Type": type, "Content-Length": Buffer.byteLength(body) };
      const call = request(
        this.#endpoint + path,
        { method, headers, agent, ...(signal && { signal }) },
        (response) => {
          opened?.();
          let answer = "";
          response.setEncoding("utf8").on("data", (chunk: string) => (answer += chunk));
          response.on("error", reject);
          response.on("end", () => resolve({ response, body: answer }));
        },
      );
      call.on("error", reject);
      call.end(body);
    });
  }
}

function encoded(parameters: Parameters = {}): string {
  const text = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) text.set(name, String(value));
  return text.toString();
}

function parsed(body: string): object {
  // etcd ends a poll so when it ends itself.
  if (body === "") throw new Error("etcd ended its answer before it said anything");
  return JSON.parse(body) as object;
}
