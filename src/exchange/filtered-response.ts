import { HeadEdits } from '../forwarding/head-edits.ts'
import type { FilteredRequest } from './filtered-request.ts'

/** The head of a response, as filters read it. */
interface ReadableHead {
  readonly status: number
  /** The values of all fields of that (lower-case) name. */
  values(name: string): readonly string[]
}

const NEVER = () => false

/** The response to a request that filters have seen, on its way back through them. */
export class FilteredResponse {
  readonly edits = new HeadEdits()
  readonly request: FilteredRequest
  /** Whether Limpet itself has made it. */
  readonly isOwn: boolean
  /** Whether a filter has put it in the place of another. */
  readonly isReplacement: boolean
  readonly #head: ReadableHead
  readonly #mayRetry: () => boolean

  constructor(
    request: FilteredRequest,
    head: ReadableHead,
    { isOwn = false, isReplacement = false, mayRetry = NEVER },
  ) {
    this.request = request
    this.isOwn = isOwn
    this.isReplacement = isReplacement
    this.#mayRetry = mayRetry
    this.#head = head
  }

  /** Whether the request may be sent to another server instead. */
  get mayRetry(): boolean {
    return this.#mayRetry()
  }

  get status(): number {
    return this.#head.status
  }

  /** The values of all fields of that (lower-case) name, as the client gets them. */
  values(name: string): readonly string[] {
    const own = this.edits.removes(name) ? [] : this.#head.values(name)
    return [...own, ...this.edits.addedValues(name)]
  }

  /** The value of the first field of that (lower-case) name; undefined for none. */
  header(name: string): string | undefined {
    return this.values(name)[0]
  }
}
