import { amountText } from '../../components/amount.tsx'
import { Stat } from '../../components/stat.tsx'
import { Ago } from '../../components/when.tsx'
import { traffic } from '../../state/live.ts'
import type { ServerShare } from './shares.ts'
import type { UpstreamReasons, UpstreamSessions } from './state.ts'

/** Those of `/v1/reasons` that say that a session has lost its server. */
const LOST = /^(?:moved|refused):/

/** An upstream's sessions in numbers. */
export function Numbers({
  shown: { name, live, active },
  shares,
  reasons = [],
}: {
  readonly shown: UpstreamSessions
  readonly shares: readonly ServerShare[]
  readonly reasons: UpstreamReasons | undefined
}) {
  const sums = reasons.map(({ reason, recent }) => ({ reason, count: recent.reduce((sum, one) => sum + one, 0) }))
  const countOf = (wanted: (reason: string) => boolean) =>
    sums.reduce((sum, { reason, count }) => (wanted(reason) ? sum + count : sum), 0)
  const lost = countOf((reason) => LOST.test(reason))
  const known = lost + countOf((reason) => reason === 'stuck')
  const now = traffic.value?.upstreams.find((upstream) => upstream.name === name)
  const oldest = shares
    .map((share) => share.oldest)
    .filter((at) => at !== null)
    .toSorted()[0]
  return (
    <dl class="stats">
      <Stat label="Live" value={live} kind="whole" note="seen lately" />
      <Stat label="Active" value={active} kind="whole" note="with a request in flight" />
      <Stat
        label="Moved"
        value={lost}
        kind="whole"
        tone={lost > 0 ? 'bad' : 'accent'}
        note={known === 0 ? 'requests in 5 min' : `requests in 5 min: ${amountText(lost / known, 'percent')}`}
      />
      <Stat label="New" value={countOf((reason) => reason === 'new')} kind="whole" note="requests in 5 min" />
      <Stat label="Invalid" value={countOf((reason) => reason === 'invalid')} kind="whole" note="forged or broken" />
      <Stat label="Stickiness" value={now?.stickiness} kind="percent" note="in the last second" />
      <div class="stat accent">
        <dt>Oldest</dt>
        <dd>{oldest === undefined ? '–' : <Ago at={oldest} />}</dd>
        <dd class="note">began</dd>
      </div>
    </dl>
  )
}
