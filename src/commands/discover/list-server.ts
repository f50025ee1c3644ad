import { once } from 'node:events'
import { existsSync, rmSync, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { CommandFailure } from '../command-failure.ts'
import type { ServedList } from './server-lists.ts'

/** The most connections, and how many of them may be held back at once: one more is answered at once. */
const MAX_CONNECTIONS = 256
const MAX_HELD = 128
/** The longest that a request is held back, in s. */
const LONGEST_HOLD = 60
/** How long a client may take to read an answer, in ms. */
const PATIENCE = 10_000

interface Held {
  readonly name: string
  readonly tag: string
  answer(): void
}

/** Answers lists on a Unix socket over HTTP: `GET /app`, with ETag and long polling (`Prefer: wait=30`, RFC 7240). */
export class ListServer {
  readonly #server: Server
  readonly #path: string
  readonly #inode: number
  readonly #held = new Set<Held>()
  #lists: ReadonlyMap<string, ServedList> = new Map()

  private constructor(server: Server, path: string) {
    this.#server = server
    this.#path = path
    this.#inode = statSync(path).ino
    server.on('request', (request, response) => this.#answer(request, response))
  }

  /**
   * @param mode who may connect
   * @throws Error where another process serves there, or the path is no socket
   */
  static async start(path: string, mode: number): Promise<ListServer> {
    await removeStale(path)
    const server = createServer({ headersTimeout: PATIENCE, requestTimeout: PATIENCE, keepAliveTimeout: 75_000 })
    server.maxConnections = MAX_CONNECTIONS
    // Node binds within the call, so that the socket never has other permissions than these.
    const mask = process.umask(0o777 & ~mode)
    try {
      server.listen({ path })
    } finally {
      process.umask(mask)
    }
    await once(server, 'listening')
    return new ListServer(server, path)
  }

  /** These are the lists from now on. */
  serve(lists: ReadonlyMap<string, ServedList>): void {
    this.#lists = lists
    for (const held of this.#held) if (lists.get(held.name)?.tag !== held.tag) held.answer()
  }

  async close(): Promise<void> {
    // By now it may be the socket of another process.
    if (statSync(this.#path, { throwIfNoEntry: false })?.ino === this.#inode) rmSync(this.#path, { force: true })
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    request.resume()
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      send(response, 405, 'only GET and HEAD\n', { allow: 'GET, HEAD' })
      return
    }
    const [path = '/'] = request.url!.split('?', 1)
    const name = path === '/' && this.#lists.size === 1 ? [...this.#lists.keys()][0]! : path.slice(1)
    const known = request.headers['if-none-match']
    const wait = waitOf(request)
    const isSame = known !== undefined && known === this.#lists.get(name)?.tag
    if (isSame && wait > 0 && this.#held.size < MAX_HELD) this.#hold(response, name, known, wait)
    else this.#send(response, name, known)
  }

  #hold(response: ServerResponse, name: string, tag: string, wait: number): void {
    const answer = () => {
      end()
      this.#send(response, name, tag, { 'preference-applied': `wait=${wait}` })
    }
    const timer = setTimeout(answer, wait * 1000)
    const held = { name, tag, answer }
    const end = () => {
      clearTimeout(timer)
      this.#held.delete(held)
    }
    this.#held.add(held)
    response.on('close', end)
  }

  #send(response: ServerResponse, name: string, known: string | undefined, headers: Record<string, string> = {}): void {
    const list = this.#lists.get(name)
    if (list === undefined) {
      const names = [...this.#lists.keys()].map((each) => `/${each}`).join(', ')
      const says = names === '' ? 'no source has answered yet\n' : `there is no list here; there is ${names}\n`
      send(response, names === '' ? 503 : 404, says, {})
    } else if (list.tag === known) send(response, 304, undefined, { ...headers, etag: list.tag })
    else send(response, 200, list.body, { ...headers, etag: list.tag, 'content-type': 'application/json' })
  }
}

function send(
  response: ServerResponse,
  status: number,
  body: string | Buffer | undefined,
  headers: Record<string, string>,
) {
  // Node sets no limit to the time in which a client reads.
  const timer = setTimeout(() => response.destroy(), PATIENCE)
  response.on('close', () => clearTimeout(timer))
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
  response.writeHead(status, { ...headers, ...length })
  response.end(body)
}

/** How long the client would have its request held back, in s. */
function waitOf({ headers }: IncomingMessage): number {
  const [, seconds = '0'] = /(?:^|,)\s*wait=(\d{1,6})\b/i.exec(String(headers.prefer ?? '')) ?? []
  return Math.min(Number(seconds), LONGEST_HOLD)
}

/** Removes the socket of a process that has ended. */
async function removeStale(path: string): Promise<void> {
  if (!existsSync(path)) return
  if (!statSync(path).isSocket())
    throw new CommandFailure(`${path} is a file, and no socket: give another path, or remove it`)
  const socket = connect(path)
  try {
    await once(socket, 'connect')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'ECONNREFUSED') throw new CommandFailure(`${path} cannot be used: ${message}`)
    rmSync(path)
    return
  } finally {
    socket.destroy()
  }
  throw new CommandFailure(`another process serves at ${path}`)
}
