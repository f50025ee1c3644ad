import type { BanOperations } from './bans.ts'
import type { EventFeed } from './event-feed.ts'
import type { Metrics } from './metrics.ts'
import type { Operations } from './operations.ts'
import type { Planning } from './planning.ts'
import type { RequestTail } from './request-tail.ts'
import type { Subject } from './subject.ts'
import type { TrafficFeed } from './traffic.ts'

/** A running load balancer: what the admin API shows, what it changes, what would be, and what happens. */
export interface Administered {
  readonly subject: Subject
  readonly operations: Operations
  readonly planning: Planning
  readonly bans: BanOperations
  readonly events: EventFeed
  readonly traffic: TrafficFeed
  readonly tail: RequestTail
  readonly metrics: Metrics
}
