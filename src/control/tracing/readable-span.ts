import { createTraceState, type HrTime, SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import type { SpanRecord } from '../../observability/span-record.ts'
import { attributesOf, nameOf } from './span-attributes.ts'
import { isError } from './span-errors.ts'

/** The span in the form that OpenTelemetry's exporters take. */
export function readableSpan(
  span: SpanRecord,
  origin: Pick<ReadableSpan, 'resource' | 'instrumentationScope'>,
): ReadableSpan {
  const { kind, traceId, spanId, parentId, flags, state } = span
  const traceState = state === '' ? undefined : createTraceState(state)
  const context = { traceId, spanId, traceFlags: flags, ...(traceState !== undefined && { traceState }) }
  // Only the parent of an exchange is in another process.
  const parent = parentId && { traceId, spanId: parentId, traceFlags: flags, isRemote: kind === 'exchange' }
  return {
    ...origin,
    name: nameOf(span),
    kind: kind === 'exchange' ? SpanKind.SERVER : SpanKind.CLIENT,
    spanContext: () => context,
    ...(parent && { parentSpanContext: parent }),
    startTime: hrTime(span.startedAt),
    endTime: hrTime(span.endedAt),
    duration: hrTime(span.endedAt - span.startedAt),
    ended: true,
    status: { code: isError(span) ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    attributes: attributesOf(span),
    links: [],
    events: [],
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  }
}

/** Whole seconds and nanoseconds of a time in ms. */
function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.floor((ms - seconds * 1000) * 1e6)]
}
