import type { Upstream } from '../../../src/admin/answers.ts'
import { amountText } from '../../components/amount.tsx'
import { Badge } from '../../components/badge.tsx'
import { linkTo } from '../../state/place.ts'
import { policyText } from '../../state/policy.ts'
import { takesNewUsers } from '../../state/server-standing.ts'
import type { ServerRow, UpstreamTraffic } from './server-row.ts'
import { ServerTable } from './server-table.tsx'
import type { View } from './view.ts'

interface UpstreamPanelProps {
  readonly upstream: Upstream
  readonly load: UpstreamTraffic | undefined
  readonly rows: readonly ServerRow[]
  readonly view: View
  /** Whether its numbers are shown elsewhere. */
  readonly isAlone: boolean
}

/** An upstream: what it is, what is wrong with it, and its servers. */
export function UpstreamPanel({ upstream, load, rows, view, isAlone }: UpstreamPanelProps) {
  const { name, servers, warnings, pause } = upstream
  const ready = servers.filter(takesNewUsers).length
  const tone = ready === 0 ? 'bad' : ready === servers.length ? 'good' : 'warn'
  return (
    <section class="panel flush upstream" aria-label={`Upstream ${name}`}>
      <header>
        <h2>{isAlone ? name : <a href={linkTo('upstreams', [name])}>{name}</a>}</h2>
        <Badge tone={tone} dot>
          {ready} of {servers.length} ready
        </Badge>
        {pause !== null && <Badge tone="warn">paused</Badge>}
        <span class="about">{policyText(upstream)}</span>
        {!isAlone && (
          <span class="aside">
            {amountText(load?.requests, 'rate')} requests/s · p95 {amountText(load?.p95, 'ms')}
          </span>
        )}
      </header>
      {warnings.map(({ code, message }) => (
        <p key={code} class="notice warn">
          {message}
        </p>
      ))}
      <div class="content">
        <ServerTable upstream={name} rows={rows} view={view} />
      </div>
    </section>
  )
}
