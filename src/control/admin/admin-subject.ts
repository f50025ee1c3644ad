import type { Phase } from '../../admin/readiness.ts'
import type { Subject } from '../../admin/subject.ts'
import { describeSkew } from '../../skew/skew-watch.ts'
import { version } from '../../version.ts'
import type { Parts } from '../parts.ts'

/** The admin API's view of a balancer that starts now. */
export function subjectOf(instance: string, parts: Parts, phase: () => Phase): Subject {
  const { supervisor, sessions, scoreboard, accessLog, health, skew, tls, sources, discovery } = parts
  return {
    version,
    pid: process.pid,
    instance,
    startedAt: Date.now(),
    sessions: sessions.table,
    scoreboard,
    get phase() {
      return phase()
    },
    get snapshot() {
      return supervisor.snapshot
    },
    get workers() {
      return supervisor.workers
    },
    get droppedLogLines() {
      return accessLog.dropped
    },
    get certificates() {
      return tls.material.origins
        .filter(({ shownTo }) => shownTo === 'clients')
        .map(({ certificate: { name, hosts }, facts: { notAfter, issuer }, source }) => {
          return { name, hosts, notAfter, issuer, source, ...tls.noteOf(source, name) }
        })
    },
    get waitsFor() {
      return discovery.waitsFor
    },
    get sources() {
      return sources.all
    },
    causeOf: (upstream, server, bit) => health.causeOf(upstream, server, bit),
    warnings({ name }) {
      const panic = health.panicOf(name)
      return [
        ...(panic === undefined ? [] : [{ code: 'panic' as const, message: panic }]),
        ...skew.watch.of(name).map((skew) => ({ code: 'skew' as const, message: describeSkew(skew) })),
      ]
    },
  }
}
