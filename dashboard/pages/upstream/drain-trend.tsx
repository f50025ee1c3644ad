import type { Drain } from '../../../src/admin/drain.ts'
import { now, timeOfDay } from '../../components/when.tsx'
import { events } from '../../state/live.ts'

/** Of the field that it is drawn on. */
const WIDTH = 320
const HEIGHT = 64

interface Point {
  readonly at: number
  readonly sessions: number
}

/** How many sessions are left, from the drain's beginning on, and when the forecast lets it be empty. */
export function DrainTrend({ drain }: { readonly drain: Drain }) {
  const points = pointsOf(drain)
  const [first] = points
  const last = points.at(-1)!
  const emptyAt = drain.emptyAt === null ? undefined : Date.parse(drain.emptyAt)
  const deadline = drain.deadline === null ? undefined : Date.parse(drain.deadline)
  const from = Date.parse(drain.started)
  const to = Math.max(last.at, emptyAt ?? 0, drain.state === 'draining' ? (deadline ?? 0) : 0, from + 10_000)
  const top = Math.max(1, ...points.map(({ sessions }) => sessions))
  const x = (at: number) => (((Math.min(at, to) - from) / (to - from)) * WIDTH).toFixed(1)
  const y = (sessions: number) => (HEIGHT - 2 - (sessions / top) * (HEIGHT - 6)).toFixed(1)
  // It stays until the next count.
  const line = points
    .slice(1)
    .reduce((path, { at, sessions }) => `${path}H${x(at)}V${y(sessions)}`, `M0 ${y(first!.sessions)}`)
  return (
    <figure class="trend">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        <path class="area" d={`${line}V${HEIGHT}H0Z`} />
        <path class="line" d={line} />
        {emptyAt !== undefined && (
          <path class="forecast" d={`M${x(last.at)} ${y(last.sessions)}L${x(emptyAt)} ${y(0)}`} />
        )}
        {deadline !== undefined && deadline <= to && <path class="deadline" d={`M${x(deadline)} 0V${HEIGHT}`} />}
        <path class="ground" d={`M0 ${HEIGHT - 1}H${WIDTH}`} />
      </svg>
      <figcaption aria-hidden="true">
        <span>{timeOfDay(drain.started)}</span>
        <span>{timeOfDay(to)}</span>
      </figcaption>
    </figure>
  )
}

/** Each count of its sessions that was heard of. */
function pointsOf({ upstream, server, started, ended, sessions }: Drain): readonly Point[] {
  const from = Date.parse(started)
  const heard = events.value
    // When it starts, nothing was counted yet.
    .filter(({ type, sessions: left }) => left !== undefined && type !== 'drain-started')
    .filter((event) => event.upstream === upstream && event.server === server)
    .map(({ at, sessions: left }) => ({ at: Date.parse(at), sessions: left! }))
    .filter(({ at }) => at >= from)
    .reverse()
  const present = { at: ended === null ? now.value : Date.parse(ended), sessions }
  return heard.length === 0 ? [{ at: from, sessions }, present] : [...heard, present]
}
