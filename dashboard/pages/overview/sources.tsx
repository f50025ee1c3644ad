import type { Status } from '../../../src/admin/answers.ts'
import { Badge } from '../../components/badge.tsx'
import { Panel } from '../../components/panel.tsx'
import { status } from '../../state/live.ts'

/** The sources of servers that fail, or find what cannot be used; nothing where all is well. */
export function Sources() {
  const { sources = [] }: Partial<Status> = status.data.value ?? {}
  const troubled = sources.filter(({ state, mistakes }) => state !== 'ok' || mistakes.length > 0)
  if (troubled.length === 0) return null
  return (
    <Panel title="Sources of servers">
      <ul>
        {troubled.map(({ name, upstream, state, error, mistakes }) => (
          <li key={`${upstream} ${name}`}>
            <Badge tone={state === 'failing' ? 'bad' : 'warn'} dot>
              {state === 'ok' ? 'Mistakes' : state === 'failing' ? 'Failing' : 'Waiting'}
            </Badge>{' '}
            <b>{name}</b> {error}
            {mistakes.map(({ where, message }) => (
              <div key={`${where} ${message}`}>
                <small>
                  {where}: {message}
                </small>
              </div>
            ))}
          </li>
        ))}
      </ul>
    </Panel>
  )
}
