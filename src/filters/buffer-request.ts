import { Failure } from '../exchange/failure.ts'
import type { Filter, Verdict } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import type { BufferRequestSettings } from '../runtime/filter-settings.ts'

/** Has the whole body of a request read before a server gets it, so that a slow client holds no server. */
export class BufferRequest implements Filter {
  readonly name = 'bufferRequest'
  readonly #settings: BufferRequestSettings

  constructor(settings: BufferRequestSettings) {
    this.#settings = settings
  }

  request(request: FilteredRequest): Verdict {
    const { framing, isGrpc } = request.received
    // A call of gRPC may be a dialogue.
    if (framing === 0 || isGrpc) return undefined
    const { memory, disk } = this.#settings
    if (framing > memory + disk) return new Failure('body-too-large')
    request.bodyStorage = this.#settings
    // It is Limpet that asks the client to go on.
    request.edits.remove('Expect')
    return undefined
  }
}
