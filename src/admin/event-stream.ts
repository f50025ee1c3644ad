import type { EventFeed, Happened } from './event-feed.ts'
import { OperationRefused } from './operation-refused.ts'

/** The maximum number of clients at a time. */
const MAX_CLIENTS = 32
/** How many bytes may wait for a client, besides the events that it missed. One that reads more slowly is dropped; it can come back with the id of the last event. */
const MAX_WAITING = 1024 * 1024
/** Between two comments, which show that the connection is still alive, in ms. */
const HEARTBEAT = 15_000
/** How long a client is to wait before it connects again, in ms. */
const RETRY = 2000

/** Writes the events to all clients that watch, as server-sent events (WHATWG HTML, 9.2). */
export class EventStream {
  readonly #feed: EventFeed
  #clients = 0

  constructor(feed: EventFeed) {
    this.#feed = feed
  }

  /**
   * A stream of the events after that id, or of those from now on.
   *
   * @throws OperationRefused if too many watch already
   */
  open(lastId: number | undefined): ReadableStream<Uint8Array> {
    if (this.#clients >= MAX_CLIENTS) {
      throw new OperationRefused('busy', `${MAX_CLIENTS} clients watch the events already, which is the maximum`)
    }
    this.#clients++
    const feed = this.#feed
    const encoder = new TextEncoder()
    let close = () => {}
    const start = (controller: ReadableStreamDefaultController<Uint8Array>) => {
      const first = encoder.encode(`retry: ${RETRY}\n\n${missed(feed, lastId)}`)
      const write = (text: string) => {
        controller.enqueue(encoder.encode(text))
        if (controller.desiredSize! + first.length > 0) return
        close()
        controller.error(new Error('the client reads too slowly'))
      }
      const heartbeat = setInterval(() => write(':\n\n'), HEARTBEAT).unref()
      const unwatch = feed.watch((happened) => write(format(happened)))
      close = () => {
        clearInterval(heartbeat)
        unwatch()
        this.#clients--
        close = () => {}
      }
      controller.enqueue(first)
    }
    return new ReadableStream(
      { start, cancel: () => close() },
      { highWaterMark: MAX_WAITING, size: (bytes) => bytes.length },
    )
  }
}

/** The events after that id; where some are gone, an event that says so, and those that are left. */
function missed(feed: EventFeed, lastId: number | undefined): string {
  if (lastId === undefined) return ''
  const after = feed.after(lastId)
  if (after !== undefined) return after.map(format).join('')
  const { kept, newest } = feed
  const before = (kept[0]?.id ?? newest + 1) - 1
  return [
    `id: ${before}\nevent: gap\ndata: ${JSON.stringify({ after: lastId, before: before + 1 })}\n\n`,
    ...kept.map(format),
  ].join('')
}

/** JSON has no line break, which would end the field. */
function format({ id, at, event: { type, ...rest } }: Happened): string {
  return `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify({ at: new Date(at).toISOString(), ...rest })}\n\n`
}
