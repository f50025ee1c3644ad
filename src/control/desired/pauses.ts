import type { Log } from '../../observability/log.ts'
import type { Applied, HandoverUser } from '../handover.ts'
import { type DesiredState, withChanges } from './desired-state.ts'
import { withUpstreamChange } from './operator-changes.ts'

/** Ends pauses of upstreams when their time is over. Workers do so by themselves; this makes it known, and saved. */
export class Pauses implements HandoverUser {
  readonly #change: (make: (now: DesiredState) => DesiredState, by: string) => Promise<Applied>
  readonly #log: Log
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /** @param change puts another desired state into effect */
  constructor(change: (make: (now: DesiredState) => DesiredState, by: string) => Promise<Applied>, log: Log) {
    this.#change = change
    this.#log = log
  }

  adopted({ changes }: DesiredState): void {
    clearTimeout(this.#timer)
    const ends = Object.values(changes.upstreams).flatMap(({ pause }) => (pause === undefined ? [] : pause.until))
    if (ends.length === 0 || this.#isClosed) return
    this.#timer = setTimeout(() => this.#end(), Math.max(0, Math.min(...ends) - Date.now())).unref()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  #end(): void {
    this.#change((now) => withoutEndedPauses(now, Date.now()), 'the time of the pause is over').catch(
      ({ message: cause }) => {
        if (this.#isClosed) return
        this.#log.error(`a pause that is over cannot be ended: ${cause}`, { event: 'pause-not-ended', cause })
      },
    )
  }
}

function withoutEndedPauses(now: DesiredState, time: number): DesiredState {
  let { changes } = now
  for (const [name, { pause, ...rest }] of Object.entries(changes.upstreams)) {
    if (pause !== undefined && pause.until <= time) changes = withUpstreamChange(changes, name, rest)
  }
  return withChanges(now, changes)
}
