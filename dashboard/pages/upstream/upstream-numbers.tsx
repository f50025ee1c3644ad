import type { Upstream } from '../../../src/admin/answers.ts'
import { amountText } from '../../components/amount.tsx'
import { Stat } from '../../components/stat.tsx'
import type { UpstreamTraffic } from './server-row.ts'

/** An upstream's last second in numbers. */
export function UpstreamNumbers({
  upstream,
  load,
}: {
  readonly upstream: Upstream
  readonly load: UpstreamTraffic | undefined
}) {
  const sessions = upstream.servers.map(({ sessions: own }) => own?.live ?? null)
  const live = sessions.every((own) => own === null) ? null : sessions.reduce<number>((sum, own) => sum + (own ?? 0), 0)
  return (
    <dl class="stats">
      <Stat label="Requests" value={load?.requests} kind="rate" note="a second" />
      <Stat
        label="Errors"
        value={load?.errors}
        kind="rate"
        tone={load !== undefined && load.errors > 0 ? 'bad' : 'plain'}
        note={`${amountText(load?.retries, 'rate')} retries a second`}
      />
      <Stat label="Latency, p50" value={load?.p50} kind="ms" note={`p95 ${amountText(load?.p95, 'ms')}`} />
      <Stat label="Latency, p99" value={load?.p99} kind="ms" note={`${amountText(load?.queued, 'whole')} waiting`} />
      <Stat
        label="In flight"
        value={load?.inFlight}
        kind="count"
        note={`${amountText(load?.tunnels, 'count')} WebSockets`}
      />
      <Stat label="Sessions" value={live} kind="count" note={upstream.affinity ?? 'knows no sessions'} />
      <Stat label="Stickiness" value={load?.stickiness} kind="percent" note="sessions kept" />
    </dl>
  )
}
