import { OperationRefused } from './operation-refused.ts'

/** How many bytes may wait for a client, besides the first ones. One that reads more slowly is dropped; it can come back. */
const MAX_WAITING = 1024 * 1024
/** Between two comments, which show that the connection is still alive, in ms. */
const HEARTBEAT = 15_000
/** How long a client is to wait before it connects again, in ms. */
const RETRY = 2000

/** What a client of a stream is sent. */
export interface Watching {
  /** Sent at once: whole events. */
  readonly first: string
  /** Nothing is sent any more. */
  unwatch(): void
}

/** The clients of one kind of stream of server-sent events (WHATWG HTML, 9.2): how many there may be, and how slow. */
export class ClientStreams {
  readonly #most: number
  readonly #what: string
  /** What ends each stream that is open. */
  readonly #open = new Set<() => void>()

  /**
   * @param most how many clients there may be at a time
   * @param what they watch, for the one that is too many
   * @param ending aborted when all streams are to end
   */
  constructor(most: number, what: string, ending: AbortSignal) {
    this.#most = most
    this.#what = what
    ending.addEventListener('abort', () => {
      for (const end of this.#open) end()
    })
  }

  /**
   * @param watch called at once; what it is given sends whole events
   * @throws OperationRefused if too many watch already
   */
  open(watch: (write: (events: string) => void) => Watching): ReadableStream<Uint8Array> {
    if (this.#open.size >= this.#most) {
      throw new OperationRefused('busy', `${this.#most} clients watch ${this.#what} already, which is the maximum`)
    }
    const encoder = new TextEncoder()
    let close = () => {}
    const start = (controller: ReadableStreamDefaultController<Uint8Array>) => {
      let waiting = 0
      const write = (text: string) => {
        controller.enqueue(encoder.encode(text))
        if (controller.desiredSize! + waiting > 0) return
        close()
        controller.error(new Error('the client reads too slowly'))
      }
      const heartbeat = setInterval(() => write(':\n\n'), HEARTBEAT).unref()
      const { first, unwatch } = watch(write)
      const end = () => {
        close()
        controller.close()
      }
      this.#open.add(end)
      close = () => {
        clearInterval(heartbeat)
        unwatch()
        this.#open.delete(end)
        close = () => {}
      }
      const head = encoder.encode(`retry: ${RETRY}\n\n${first}`)
      waiting = head.length
      controller.enqueue(head)
    }
    return new ReadableStream(
      { start, cancel: () => close() },
      { highWaterMark: MAX_WAITING, size: (bytes) => bytes.length },
    )
  }
}

/** An event of that type. JSON has no line break, which would end the field. */
export function eventText(type: string, data: unknown): string {
  return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`
}
