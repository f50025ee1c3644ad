import type { Filter } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import type { ReceivedRequest } from '../exchange/received-request.ts'
import { RequestCopy } from '../exchange/request-copy.ts'
import type { UpstreamGroup } from '../exchange/upstream-group.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import type { MirrorSettings } from '../runtime/filter-settings.ts'
import { EvenPoints } from './even-points.ts'

/** Copies a share of the requests to another upstream. */
export class Mirror implements Filter {
  readonly name = 'mirror'
  readonly #settings: MirrorSettings
  readonly #context: WorkerContext
  readonly #points = new EvenPoints()
  /** The id of the key that copies in flight are counted by. */
  readonly #high: number
  readonly #low: number

  constructor(settings: MirrorSettings, context: WorkerContext) {
    const { key } = context.keyedLimits
    this.#settings = settings
    this.#context = context
    key.begin(0, 0)
    key.addText(settings.place)
    this.#high = key.high
    this.#low = key.low
  }

  request(request: FilteredRequest): undefined {
    const { share, upstream, body } = this.#settings
    const group = request.groups[upstream]
    if (group === undefined || this.#points.next() >= share) return
    const obstacle = obstacleTo(request.received, body) ?? this.#copy(request, group)
    request.note(
      this.name,
      obstacle === undefined ? `copied to upstream ${group.settings.name}` : `not copied: ${obstacle}`,
    )
  }

  rehearse(request: FilteredRequest): undefined {
    const { share, upstream, body } = this.#settings
    const name = this.#context.generation.groups[upstream]?.settings.name
    if (name === undefined) return
    const obstacle = obstacleTo(request.received, body)
    const words = `${share / 100}% of such requests are copied to upstream ${name}`
    request.note(this.name, obstacle === undefined ? words : `not copied: ${obstacle}`)
  }

  /** Returns why the request is not copied; undefined if it is. */
  #copy(request: FilteredRequest, group: UpstreamGroup): string | undefined {
    const { maxInFlight, body, timeout } = this.#settings
    const { observers, keyedLimits } = this.#context
    const { concurrency } = keyedLimits
    const entry = concurrency.enter(this.#high, this.#low, maxInFlight)
    if (entry === 'full') {
      for (const observer of observers) observer.copyEnded?.(group.settings, 'dropped')
      return `${maxInFlight} copies are in flight`
    }
    const leave = () => {
      if (entry !== 'uncounted') concurrency.leave(entry)
    }
    request.followedBy(new RequestCopy(this.#context, request, group, body, timeout, leave))
    return undefined
  }
}

/** Why a request is not copied; undefined if it is. */
function obstacleTo({ mayUpgrade, framing }: ReceivedRequest, longest: number): string | undefined {
  if (mayUpgrade) return 'it asks for another protocol'
  return framing > longest ? 'its body is too long' : undefined
}
