import './sessions.css'
import { useEffect } from 'preact/hooks'
import { Choice } from '../../components/button.tsx'
import { Empty, Waiting } from '../../components/empty.tsx'
import { setQuery } from '../../state/place.ts'
import { Ages } from './ages.tsx'
import { Distribution } from './distribution.tsx'
import { DrainForecast } from './drain-forecast.tsx'
import { Numbers } from './numbers.tsx'
import { Reasons } from './reasons.tsx'
import { sharesOf } from './shares.ts'
import {
  chosen,
  chosenUpstream,
  followSessions,
  reasonStep,
  reasons,
  sessions,
  type UpstreamSessions,
} from './state.ts'

/** More upstreams than that are a list to choose from. */
const MOST_BUTTONS = 5

/** How many sessions there are and where, and what became of them. Which ones is said nowhere. */
export function SessionsPage() {
  useEffect(followSessions, [])
  const known = sessions.data.value?.upstreams
  const shown = chosen.value
  if (known === undefined) return <Waiting error={sessions.error.value} />
  if (shown === undefined) {
    return (
      <Empty title="No upstream has sessions">
        Sessions are known where an upstream has an affinity: by cookie, by a key, by the id of a server, or learned
        from the application.
      </Empty>
    )
  }
  return (
    <div class="sessions">
      {known.length > 1 && <UpstreamChoice known={known} shown={shown} />}
      <Shown shown={shown} />
    </div>
  )
}

function Shown({ shown }: { readonly shown: UpstreamSessions }) {
  const upstream = chosenUpstream.value
  const shares = sharesOf(shown, upstream?.servers ?? [])
  return (
    <>
      {upstream?.warnings.map(({ code, message }) => (
        <p key={code} class="warning">
          <strong>{code === 'skew' ? 'Skew' : 'Panic'}</strong> {message}
        </p>
      ))}
      <Numbers shown={shown} shares={shares} reasons={reasons.value} />
      <Distribution shares={shares} />
      <Ages ages={shown.ages} live={shown.live} />
      <Reasons reasons={reasons.value} step={reasonStep.value} />
      <DrainForecast upstream={shown.name} shares={shares} />
    </>
  )
}

function UpstreamChoice({
  known,
  shown,
}: {
  readonly known: readonly UpstreamSessions[]
  readonly shown: UpstreamSessions
}) {
  const choose = (upstream: string) => setQuery({ upstream })
  if (known.length <= MOST_BUTTONS) {
    const options = known.map(({ name }) => ({ value: name, label: name }))
    return (
      <div class="upstream-choice">
        <Choice label="Upstream" value={shown.name} options={options} onChange={choose} />
      </div>
    )
  }
  return (
    <select
      class="upstream-choice"
      aria-label="Upstream"
      value={shown.name}
      onChange={({ currentTarget }) => choose(currentTarget.value)}
    >
      {known.map(({ name }) => (
        <option key={name}>{name}</option>
      ))}
    </select>
  )
}
