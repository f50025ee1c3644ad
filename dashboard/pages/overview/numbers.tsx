import type { Sample } from '../../../src/admin/traffic.ts'
import { amountText } from '../../components/amount.tsx'
import { Stat } from '../../components/stat.tsx'

/** Points of a spark line. */
const POINTS = 40

/** The last second in numbers, and how they were. */
export function Numbers({ samples }: { readonly samples: readonly Sample[] }) {
  const now = samples.at(-1)
  const past = (of: (sample: Sample) => number | null) => thinned(samples.map(of))
  const errorShare = now === undefined || now.requests === 0 ? 0 : now.errors / now.requests
  return (
    <dl class="stats" data-at={now?.at}>
      <Stat
        label="Requests"
        value={now?.requests}
        kind="rate"
        past={past(({ requests }) => requests)}
        note="a second"
      />
      <Stat
        label="Errors"
        value={now?.errors}
        kind="rate"
        past={past(({ errors }) => errors)}
        tone={errorShare > 0 ? 'bad' : 'plain'}
        note={`${amountText(errorShare, 'percent')} of requests`}
      />
      <Stat
        label="Latency, p50"
        value={now?.p50}
        kind="ms"
        past={past(({ p50 }) => p50)}
        note={`p95 ${amountText(now?.p95, 'ms')}`}
      />
      <Stat
        label="Latency, p99"
        value={now?.p99}
        kind="ms"
        past={past(({ p99 }) => p99)}
        note={`${amountText(now?.queued, 'whole')} waiting`}
      />
      <Stat
        label="Connections"
        value={now?.connections}
        kind="count"
        past={past(({ connections }) => connections)}
        note={`${amountText(now?.tunnels, 'count')} WebSockets`}
      />
      <Stat
        label="Sessions"
        value={now?.sessions}
        kind="count"
        past={past(({ sessions }) => sessions)}
        note={`${amountText(now?.inFlight, 'count')} requests in flight`}
      />
      <Stat
        label="Stickiness"
        value={stickinessOf(samples)}
        kind="percent"
        past={past(({ stickiness }) => stickiness)}
        note="sessions kept"
      />
    </dl>
  )
}

/** The newest value that is known: a second without known sessions says nothing. */
function stickinessOf(samples: readonly Sample[]): number | null {
  return samples.findLast(({ stickiness }) => stickiness !== null)?.stickiness ?? null
}

/** At most that many values, each the mean of its neighbours. */
function thinned(values: readonly (number | null)[]): readonly (number | null)[] {
  const size = Math.ceil(values.length / POINTS)
  if (size <= 1) return values
  // Groups are counted from the newest value on, so that they do not change places.
  const first = values.length % size
  return Array.from({ length: Math.floor(values.length / size) }, (_, index) => {
    const group = values.slice(first + index * size, first + (index + 1) * size).filter((value) => value !== null)
    return group.length === 0 ? null : group.reduce((sum, value) => sum + value, 0) / group.length
  })
}
