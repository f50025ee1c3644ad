import type { ComponentChildren } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'
import { Amount } from '../../components/amount.tsx'
import { Badge } from '../../components/badge.tsx'
import { Waiting } from '../../components/empty.tsx'
import { SidePanel } from '../../components/side-panel.tsx'
import { timeOfDay } from '../../components/when.tsx'
import { change, type Explanation } from '../../state/api.ts'
import { toneOfReason, wordsOf } from '../../state/reasons.ts'
import { Resource } from '../../state/resource.ts'
import { Status } from './request-table.tsx'
import type { TailRow } from './tail.ts'

/** What became of a request, and where it would go now: the answer of `limpet explain`. */
export function ExplanationPanel({ row, onClose }: { readonly row: TailRow; readonly onClose: () => void }) {
  const { id, method, path } = row
  const explanation = useMemo(
    () => new Resource(() => change<Explanation>('POST', `/v1/requests/${encodeURIComponent(id)}/explain`)),
    [id],
  )
  useEffect(() => void explanation.refresh(), [explanation])
  const answer = explanation.data.value
  return (
    <SidePanel title={`${method} ${path}`} onClose={onClose}>
      <Then row={row} />
      {answer === undefined ? (
        <Waiting error={explanation.error.value} />
      ) : (
        <section class="now" aria-label="Where it would go now">
          <h3>Where it would go now</h3>
          <p class="summary">{answer.summary}</p>
          <Steps answer={answer} />
        </section>
      )}
    </SidePanel>
  )
}

/** What became of it. */
function Then({ row }: { readonly row: TailRow }) {
  const { status, upstream, server, ms, queued, bytes, client, host, protocol, attempts, reason, failure, at } = row
  const facts: readonly (readonly [string, ComponentChildren])[] = [
    ['Answer', <Status key="status" status={status} />],
    ['Server', upstream === null ? 'none' : `${upstream}/${server ?? '–'}`],
    ['Time', <Amount key="ms" value={ms} kind="ms" />],
    ['Waited', queued === 0 ? undefined : <Amount key="queued" value={queued} kind="ms" />],
    ['Sent', <Amount key="bytes" value={bytes} kind="bytes" />],
    ['Attempts', attempts === 1 ? undefined : attempts],
    ['Client', client],
    ['Host', host],
    ['Protocol', protocol],
    ['At', timeOfDay(at)],
    ['Failure', failure ?? undefined],
  ]
  return (
    <section class="then" aria-label="What became of it">
      <dl>
        {facts
          .filter(([, value]) => value !== undefined && value !== '')
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
      {reason !== null && (
        <p>
          <Badge tone={toneOfReason(reason)}>{reason}</Badge> {wordsOf(reason)}
        </p>
      )}
    </section>
  )
}

function Steps({ answer }: { readonly answer: Explanation }) {
  const { listener, route, closest, filters, upstream, session, candidates } = answer
  return (
    <ol class="steps">
      {listener !== undefined && <Step title="Listener">It comes by {listener}.</Step>}
      {route === null ? (
        <Step title="Route" tone="bad">
          No route matches.
          <Sentences of={closest} />
        </Step>
      ) : (
        <Step title="Route">
          <code>
            {route.host}
            {route.path}
          </code>
          <Sentences of={route.because} />
        </Step>
      )}
      {filters.length > 0 && (
        <Step title="Filters">
          <ul class="explained-filters">
            {filters.map((filter, index) => (
              <FilterItem key={index} filter={filter} status={answer.status} />
            ))}
          </ul>
        </Step>
      )}
      {upstream !== null && <Step title="Upstream">{upstreamWords(upstream)}</Step>}
      {upstream !== null && upstream.affinity !== null && (
        <Step title="Session">{session?.words ?? 'The request shows none.'}</Step>
      )}
      {candidates.length > 0 && (
        <Step title="Servers">
          <ul class="candidates">
            {candidates.map(({ server, address, weight, inFlight, refusal, words }) => (
              <li key={server} class={server === answer.server ? 'picked' : refusal === null ? '' : 'refused'}>
                <b>{server}</b> <span class="faint">{address}</span>
                <span class="numbers faint">
                  weight {weight}, {inFlight} in flight
                </span>
                <span class="words">{words}</span>
              </li>
            ))}
          </ul>
        </Step>
      )}
      <Choice answer={answer} />
    </ol>
  )
}

function FilterItem({
  filter: { name, decision, request, response },
  status,
}: {
  readonly filter: Explanation['filters'][number]
  readonly status: number | null
}) {
  const decided = { answers: [`answers ${status}`], 'not-reached': ['not reached'], open: [], 'goes-on': [] }[decision]
  const phrases = [...decided, ...request]
  return (
    <li class={decision}>
      <b>{name}</b>
      {phrases.length + response.length === 0 ? ' goes on' : <Sentences of={phrases} />}
      {response.length > 0 && (
        <>
          <span class="faint">Response</span>
          <Sentences of={response} />
        </>
      )}
    </li>
  )
}

function Choice({ answer: { server, reason, status } }: { readonly answer: Explanation }) {
  if (server === null) {
    return (
      <Step title="Answer" tone="bad">
        Limpet answers itself{status !== null && `, with ${status}`}. {reason !== null && wordsOf(reason)}
      </Step>
    )
  }
  return (
    <Step title="Choice" tone="good">
      <b>{server}</b>
      {reason !== null && (
        <>
          {' '}
          <Badge tone={toneOfReason(reason)}>{reason}</Badge> {wordsOf(reason)}
        </>
      )}
    </Step>
  )
}

function Step({
  title,
  tone = 'plain',
  children,
}: {
  readonly title: string
  readonly tone?: 'plain' | 'good' | 'bad'
  readonly children: ComponentChildren
}) {
  return (
    <li class={tone}>
      <h4>{title}</h4>
      <div>{children}</div>
    </li>
  )
}

function Sentences({ of }: { readonly of: readonly string[] }) {
  return (
    <ul class="sentences">
      {of.map((sentence) => (
        <li key={sentence}>{sentence}</li>
      ))}
    </ul>
  )
}

function upstreamWords({ name, balance, affinity, protocol, tls }: NonNullable<Explanation['upstream']>) {
  const words = [
    balance,
    affinity !== null && affinity !== balance && `affinity ${affinity}`,
    protocol !== undefined && `protocol ${protocol}`,
    tls && 'by TLS',
  ].filter((word) => typeof word === 'string')
  return (
    <>
      <b>{name}</b>: {words.join(', ')}
    </>
  )
}
