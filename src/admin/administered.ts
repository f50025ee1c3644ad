import type { EventFeed } from './event-feed.ts'
import type { Metrics } from './metrics.ts'
import type { Operations } from './operations.ts'
import type { Subject } from './subject.ts'

/** A running load balancer: what the admin API shows, what it changes, and what happens. */
export interface Administered {
  readonly subject: Subject
  readonly operations: Operations
  readonly events: EventFeed
  readonly metrics: Metrics
}
