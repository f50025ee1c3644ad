import './config.css'
import { useEffect } from 'preact/hooks'
import { Ago } from '../../components/when.tsx'
import { status } from '../../state/live.ts'
import { DriftPanel } from './drift.tsx'
import { EffectiveConfig } from './effective-config.tsx'
import { History } from './history.tsx'
import { followRevision } from './state.ts'

/** What is in effect, how it came about, and where it differs from the file. */
export function ConfigPage() {
  useEffect(followRevision, [])
  return (
    <div class="config">
      <Facts />
      <EffectiveConfig />
      <div class="beside">
        <DriftPanel />
        <History />
      </div>
    </div>
  )
}

function Facts() {
  const now = status.data.value
  if (now === undefined) return null
  const facts = [
    ['Limpet', now.version],
    ['Instance', now.instance],
    ['Generation', now.generation],
    ['Revision', <code key="revision">{now.revision}</code>],
    ['Workers', now.workers],
    ['Running since', <Ago key="since" at={now.since} />],
    [
      'Listening on',
      now.listeners
        .map(({ address, port, tls }) => `${address}${port === null ? '' : `:${port}`}${tls ? ' (TLS)' : ''}`)
        .join(', '),
    ],
  ] as const
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
