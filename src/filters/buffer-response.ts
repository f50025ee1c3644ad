import type { Filter } from '../exchange/filter.ts'
import type { FilteredResponse } from '../exchange/filtered-response.ts'
import type { BodyStage, ResponseSink } from '../exchange/response-sink.ts'
import type { BufferResponseSettings } from '../runtime/filter-settings.ts'
import { BufferStage } from './buffer/buffer-stage.ts'

/** Takes bodies of answers from their servers as fast as these send, so that a slow client holds no server. */
export class BufferResponse implements Filter {
  readonly name = 'bufferResponse'
  readonly #settings: BufferResponseSettings

  constructor(settings: BufferResponseSettings) {
    this.#settings = settings
  }

  stage(_response: FilteredResponse, next: ResponseSink): BodyStage {
    return new BufferStage(next, this.#settings)
  }
}
