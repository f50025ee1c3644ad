import { Amount } from '../../components/amount.tsx'
import { Panel } from '../../components/panel.tsx'
import { span } from '../../components/when.tsx'
import type { UpstreamSessions } from './state.ts'

/** How long ago sessions began, as columns. */
export function Ages({ ages, live }: { readonly ages: UpstreamSessions['ages']; readonly live: number }) {
  const top = Math.max(...ages.map((each) => each.live), 1)
  return (
    <Panel title="Ages">
      <ol class="ages">
        {ages.map(({ upTo, live: count }, index) => (
          <li key={upTo}>
            <span class="count">
              <Amount value={count} kind="count" />
            </span>
            <span class="column" aria-hidden="true">
              <span style={{ height: `${(count / top) * 100}%` }} />
            </span>
            <span class="label">{upTo === null ? `over ${limitBefore(ages, index)}` : `to ${span(upTo * 1000)}`}</span>
          </li>
        ))}
      </ol>
      {live === 0 && <p class="faint">There are no sessions at the moment.</p>}
    </Panel>
  )
}

function limitBefore(ages: UpstreamSessions['ages'], index: number): string {
  return span((ages[index - 1]?.upTo ?? 0) * 1000)
}
