import { Amount, amountText } from '../../components/amount.tsx'
import { Badge } from '../../components/badge.tsx'
import { linkTo } from '../../state/place.ts'
import type { Frame, PlacedNode } from './flow-layout.ts'

/** As the style sheet has it. */
const WIDTH = 220

/** The numbers of one node, beside it. */
export function FlowCard({
  placed: { node, x, y },
  frame,
  isChosen,
  onClose,
}: {
  readonly placed: PlacedNode
  readonly frame: Frame
  readonly isChosen: boolean
  readonly onClose: () => void
}) {
  const { kind, label, requests, errors, words, tone, upstream, server, latency } = node
  const left = Math.max(0, Math.min(frame.width - WIDTH, kind === 'server' ? x - WIDTH - 18 : x + 26))
  return (
    <aside
      class={isChosen ? 'flow-card chosen' : 'flow-card'}
      style={{ left: `${left}px`, top: `${Math.max(0, y - 8)}px` }}
    >
      <header>
        <h3>{label}</h3>
        {isChosen && (
          <button type="button" class="button quiet icon-only" aria-label="Close" onClick={onClose}>
            ✕
          </button>
        )}
      </header>
      {words !== '' && (
        <p>
          <Badge tone={tone} dot>
            {words}
          </Badge>
        </p>
      )}
      <dl>
        <dt>Requests/s</dt>
        <dd>
          <Amount value={requests} kind="rate" />
        </dd>
        <dt>Errors/s</dt>
        <dd class={errors > 0 ? 'bad' : ''}>
          <Amount value={errors} kind="rate" />
          {errors > 0 && requests > 0 && <small> {amountText(errors / requests, 'percent')}</small>}
        </dd>
        {latency !== undefined && (
          <>
            <dt>{kind === 'server' ? 'First byte' : 'Latency, p50'}</dt>
            <dd>
              <Amount value={latency} kind="ms" />
            </dd>
          </>
        )}
        {server !== undefined && (
          <>
            <dt>In flight</dt>
            <dd>
              <Amount value={server.inFlight} kind="count" />
            </dd>
            <dt>Sessions</dt>
            <dd>
              <Amount value={server.sessions?.live} kind="count" />
            </dd>
            <dt>Weight</dt>
            <dd>{server.weight}</dd>
          </>
        )}
      </dl>
      {isChosen && upstream !== undefined && (
        <p>
          {kind === 'route' ? (
            <a href={linkTo('requests', [], { upstream })}>Its upstream's requests</a>
          ) : (
            <a href={linkTo('upstreams', [upstream], server === undefined ? {} : { find: server.name })}>
              {server === undefined ? 'Its servers' : 'Drain or change it'}
            </a>
          )}
        </p>
      )}
    </aside>
  )
}
