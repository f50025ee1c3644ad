import type { Server } from '../../../src/admin/answers.ts'
import { Button } from '../../components/button.tsx'
import { type ChangeKind, considerChange } from './change.ts'

interface ServerOf {
  readonly upstream: string
  readonly server: Server
}

const words = { ready: 'Ready', drain: 'Drain', maintenance: 'Maintenance' } as const

/** What can be done with a server. Each asks first. */
export function ServerActions({ upstream, server }: ServerOf) {
  const kinds = (['ready', 'drain', 'maintenance'] as const).filter((kind) => kind !== server.state.admin)
  return (
    <span class="actions">
      {kinds.map((kind) => (
        <ChangeButton key={kind} kind={kind} upstream={upstream} server={server.name} />
      ))}
    </span>
  )
}

function ChangeButton({
  kind,
  upstream,
  server,
}: {
  kind: Exclude<ChangeKind, 'weight'>
  upstream: string
  server: string
}) {
  return (
    <Button aria-label={`${words[kind]}: ${server}`} onClick={() => considerChange({ kind, upstream, server })}>
      {words[kind]}
    </Button>
  )
}

export function WeightButton({ upstream, server: { name, weight } }: ServerOf) {
  return (
    <button
      type="button"
      class="weight"
      aria-label={`Weight of ${name}: ${weight}. Change it`}
      title="Change the weight"
      onClick={() => considerChange({ kind: 'weight', upstream, server: name })}
    >
      {weight}
      <svg viewBox="0 0 12 12" width="10" height="10" aria-hidden="true">
        <path d="M2 10l.5-2.5L8 2l2 2-5.5 5.5z" />
      </svg>
    </button>
  )
}
