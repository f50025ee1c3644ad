import type { Plan } from '../../../src/admin/planning.ts'
import { amountText } from '../../components/amount.tsx'
import type { ApiError } from '../../state/api.ts'
import type { ServerChange } from './change.ts'

type UpstreamPlan = Plan['upstreams'][number]

/** What a change would do to the sessions of its upstream. */
export function PlannedSessions({
  change,
  plan,
  error,
}: {
  readonly change: ServerChange
  readonly plan: Plan | undefined
  readonly error: ApiError | undefined
}) {
  if (error !== undefined) {
    return (
      <div class="plan" role="alert">
        <p class="bad-number">
          <strong>What it would do is not known</strong>
        </p>
        <p>{error.message}</p>
      </div>
    )
  }
  if (plan === undefined) {
    return (
      <div class="plan" aria-busy="true">
        <p class="faint">Counting the sessions…</p>
      </div>
    )
  }
  if (plan.changes.length === 0) {
    return (
      <div class="plan">
        <p>Nothing would change: it is so already.</p>
      </div>
    )
  }
  const own = plan.upstreams.find(({ name }) => name === change.upstream)
  return (
    <div class="plan" role="status">
      {own === undefined || own.sessions.live === 0 ? (
        <p>No session would move: {change.upstream} has none now.</p>
      ) : (
        <Forecast change={change} plan={own} />
      )}
    </div>
  )
}

function Forecast({ change: { kind }, plan }: { readonly change: ServerChange; readonly plan: UpstreamPlan }) {
  const { live, stay, move, refused, unserved } = plan.sessions
  const about = plan.isExact ? '' : 'about '
  const outcomes = [
    { count: move, words: 'move' },
    { count: refused, words: 'are refused' },
    { count: unserved, words: 'find no server' },
    { count: stay, words: 'stay where they are' },
  ].filter(({ count }) => count > 0)
  const when = kind === 'drain' ? 'if nobody leaves until the deadline' : 'with the next request of each'
  return (
    <>
      <p>
        Of {amountText(live, 'whole')} sessions, {when}:
      </p>
      <ul class="outcomes">
        {outcomes.map(({ count, words }) => (
          <li key={words} class={words === 'move' ? 'warn' : words.startsWith('stay') ? 'good' : 'bad'}>
            <strong>
              {about}
              {amountText(count, 'whole')}
            </strong>{' '}
            {words}
          </li>
        ))}
      </ul>
      <Moves plan={plan} />
      {plan.because.map((sentence) => (
        <p key={sentence} class="faint">
          {sentence}
        </p>
      ))}
    </>
  )
}

/** How many of the servers to which sessions would move are shown. */
const MOST_TARGETS = 6

/** Where they go. */
function Moves({ plan: { moves, areTargetsExact } }: { readonly plan: UpstreamPlan }) {
  const byTarget = new Map<string, number>()
  for (const { to, sessions } of moves) {
    if (to !== null) byTarget.set(to, (byTarget.get(to) ?? 0) + sessions)
  }
  if (byTarget.size === 0) return null
  const targets = [...byTarget].toSorted(([, one], [, other]) => other - one)
  const shown = targets.slice(0, MOST_TARGETS)
  const most = shown[0]![1]
  return (
    <dl class="moves" aria-label="Where they would go">
      {shown.map(([to, sessions]) => (
        <div key={to}>
          <dt>{to}</dt>
          <dd>
            <i style={{ width: `${(sessions / most) * 100}%` }} />
            <span>
              {areTargetsExact ? '' : 'about '}+{amountText(sessions, 'whole')}
            </span>
          </dd>
        </div>
      ))}
      {targets.length > MOST_TARGETS && <p class="faint">and to {targets.length - MOST_TARGETS} others</p>}
    </dl>
  )
}
