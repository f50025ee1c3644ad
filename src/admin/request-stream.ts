import type { RequestFilter } from '../runtime/request-filter.ts'
import { ClientStreams, eventText } from './client-streams.ts'
import type { RequestTail } from './request-tail.ts'

/** The maximum number of clients at a time: each has all workers look at every request. */
const MAX_CLIENTS = 16

/** Writes a sample of the requests to each client that watches. */
export class RequestStream {
  readonly #tail: RequestTail
  readonly #clients: ClientStreams

  /** @param ending aborted when all streams are to end */
  constructor(tail: RequestTail, ending: AbortSignal) {
    this.#tail = tail
    this.#clients = new ClientStreams(MAX_CLIENTS, 'the requests', ending)
  }

  /** @throws OperationRefused if too many watch already */
  open(filter: RequestFilter, perSecond: number): ReadableStream<Uint8Array> {
    return this.#clients.open((write) => ({
      first: '',
      unwatch: this.#tail.watch(filter, perSecond, (request) => write(eventText('request', request))),
    }))
  }
}
