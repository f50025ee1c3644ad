import { Amount, amountText } from '../../components/amount.tsx'
import { Badge } from '../../components/badge.tsx'
import { Empty } from '../../components/empty.tsx'
import { Panel } from '../../components/panel.tsx'
import type { ServerShare } from './shares.ts'

/** How many servers are drawn at most: those with the most sessions. */
const MOST_DRAWN = 100

/** Where the sessions are, against where the weights want them. */
export function Distribution({ shares }: { readonly shares: readonly ServerShare[] }) {
  const drawn =
    shares.length <= MOST_DRAWN ? shares : shares.toSorted((one, other) => other.live - one.live).slice(0, MOST_DRAWN)
  const top = Math.max(...drawn.map(({ share, asked }) => Math.max(share ?? 0, asked ?? 0)), Number.MIN_VALUE)
  return (
    <Panel title="Over servers" aside={<Legend />}>
      {drawn.length === 0 ? (
        <Empty title="No servers" />
      ) : (
        <ul class="distribution">
          {drawn.map((each) => (
            <Row key={each.name} each={each} top={top} />
          ))}
        </ul>
      )}
      {shares.length > drawn.length && <p class="faint">and {shares.length - drawn.length} with fewer sessions</p>}
    </Panel>
  )
}

function Legend() {
  return (
    <span class="legend faint">
      <i class="bar" /> sessions <i class="tick" /> by weight
    </span>
  )
}

function Row({ each, top }: { readonly each: ServerShare; readonly top: number }) {
  const { name, live, share, asked } = each
  return (
    <li>
      <span class="name">
        {name} <State each={each} />
      </span>
      <span class="track" aria-hidden="true">
        <span class="bar" style={{ width: `${((share ?? 0) / top) * 100}%` }} />
        {asked !== null && <span class="tick" style={{ left: `${(asked / top) * 100}%` }} />}
      </span>
      <span class="numbers">
        <b>
          <Amount value={live} kind="whole" />
        </b>
        <span class="faint">
          {amountText(share, 'percent')}
          {asked !== null && ` of ${amountText(asked, 'percent')}`}
        </span>
      </span>
    </li>
  )
}

function State({ each: { server } }: { readonly each: ServerShare }) {
  if (server === undefined) return null
  const { admin, health, cause } = server.state
  return (
    <>
      {admin !== 'ready' && <Badge tone="warn">{admin}</Badge>}
      {health === 'down' && (
        <Badge tone="bad" title={cause ?? ''}>
          down
        </Badge>
      )}
    </>
  )
}
