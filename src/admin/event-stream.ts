import { ClientStreams, eventText } from './client-streams.ts'
import type { EventFeed, Happened } from './event-feed.ts'

/** The maximum number of clients at a time. */
const MAX_CLIENTS = 32

/** Writes the events to all clients that watch. */
export class EventStream {
  readonly #feed: EventFeed
  readonly #clients: ClientStreams

  /** @param ending aborted when all streams are to end */
  constructor(feed: EventFeed, ending: AbortSignal) {
    this.#feed = feed
    this.#clients = new ClientStreams(MAX_CLIENTS, 'the events', ending)
  }

  /**
   * A stream of the events after that id, or of those from now on.
   *
   * @throws OperationRefused if too many watch already
   */
  open(lastId: number | undefined): ReadableStream<Uint8Array> {
    return this.#clients.open((write) => ({
      first: missed(this.#feed, lastId),
      unwatch: this.#feed.watch((happened) => write(format(happened))),
    }))
  }
}

/** The events after that id; where some are gone, an event that says so, and those that are left. */
function missed(feed: EventFeed, lastId: number | undefined): string {
  if (lastId === undefined) return ''
  const after = feed.after(lastId)
  if (after !== undefined) return after.map(format).join('')
  const { kept, newest } = feed
  const before = (kept[0]?.id ?? newest + 1) - 1
  return [`id: ${before}\n${eventText('gap', { after: lastId, before: before + 1 })}`, ...kept.map(format)].join('')
}

function format({ id, at, event: { type, ...rest } }: Happened): string {
  return `id: ${id}\n${eventText(type, { at: new Date(at).toISOString(), ...rest })}`
}
