import type { Filter } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import type { FilteredResponse } from '../exchange/filtered-response.ts'
import type { BodyStage, ResponseSink } from '../exchange/response-sink.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import type { BufferResponseSettings } from '../runtime/filter-settings.ts'
import { BufferStage } from './buffer/buffer-stage.ts'

/** Takes bodies of answers from their servers as fast as these send, so that a slow client holds no server. */
export class BufferResponse implements Filter {
  readonly name = 'bufferResponse'
  readonly #settings: BufferResponseSettings

  readonly #context: WorkerContext

  constructor(settings: BufferResponseSettings, context: WorkerContext) {
    this.#settings = settings
    this.#context = context
  }

  stage({ request }: FilteredResponse, next: ResponseSink): BodyStage | undefined {
    // A call of gRPC may be a dialogue, whose ends are to hear of each other's pace.
    return request.received.isGrpc ? undefined : new BufferStage(next, this.#settings, this.#context)
  }

  forecast({ received }: FilteredRequest): string {
    return received.isGrpc ? 'passes as it comes: it is of a call of gRPC' : 'is taken as fast as the server sends it'
  }
}
