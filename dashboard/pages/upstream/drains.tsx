import './drains.css'
import type { Drain } from '../../../src/admin/drain.ts'
import { amountText } from '../../components/amount.tsx'
import { Badge } from '../../components/badge.tsx'
import { Button } from '../../components/button.tsx'
import { now, span, timeOfDay } from '../../components/when.tsx'
import { considerChange } from './change.ts'
import { DrainTrend } from './drain-trend.tsx'

/** Drains that have begun and whose servers are not ready again. */
export function Drains({ drains }: { readonly drains: readonly Drain[] }) {
  if (drains.length === 0) return null
  return (
    <section class="drains" aria-label="Drains">
      {drains.map((drain) => (
        <DrainCard key={`${drain.upstream}/${drain.server}/${drain.started}`} drain={drain} />
      ))}
    </section>
  )
}

function DrainCard({ drain }: { readonly drain: Drain }) {
  const { upstream, server, state, sessions } = drain
  const consider = (kind: 'ready' | 'maintenance') => () => considerChange({ kind, upstream, server })
  return (
    <article
      class={state === 'draining' ? 'panel drain' : 'panel drain over'}
      aria-label={`Drain of ${upstream}/${server}`}
    >
      <header>
        <h3>
          <span class="faint">{upstream}/</span>
          {server}
        </h3>
        <Badge tone={state === 'draining' ? 'warn' : 'good'} dot>
          {state === 'draining' ? 'Draining' : 'Drained'}
        </Badge>
        <span class="buttons">
          <Button onClick={consider('ready')}>Ready</Button>
          {state !== 'draining' && <Button onClick={consider('maintenance')}>Maintenance</Button>}
        </span>
      </header>
      <div class="body">
        <p class="left">
          <strong>{amountText(sessions, 'whole')}</strong> {sessions === 1 ? 'session' : 'sessions'} left
        </p>
        <DrainTrend drain={drain} />
        <p class="words">{wordsOf(drain)}</p>
      </div>
    </article>
  )
}

const atDeadline = { move: 'those who are left move', refuse: 'those who are left are refused', keep: 'they stay' }

function wordsOf({ state, ended, moved, emptyAt, emptyWithin, deadline, then, active, tunnels }: Drain): string {
  if (state === 'empty') return `Nobody is left since ${timeOfDay(ended!)}. It can be stopped now.`
  if (state === 'cut') {
    const fate = then === 'keep' ? 'Its deadline passed' : `${moved} ${then === 'move' ? 'were moved' : 'are refused'}`
    return `${fate} at ${timeOfDay(ended!)}.`
  }
  const busy = `${active} active now${tunnels > 0 ? `, ${tunnels} WebSockets` : ''}`
  const within = emptyWithin === null ? '' : ` (± ${span(emptyWithin)})`
  const forecast = emptyAt === null ? 'no trend yet' : `empty ${inSpan(emptyAt)}${within}`
  const end = deadline === null ? 'no deadline' : `deadline ${inSpan(deadline)}: ${atDeadline[then]}`
  return [busy, forecast, end].join(' · ')
}

function inSpan(at: string): string {
  const ms = Date.parse(at) - now.value
  return ms <= 0 ? 'any moment' : `in ${span(ms)}`
}
