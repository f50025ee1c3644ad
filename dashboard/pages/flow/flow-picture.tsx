import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { amountText } from '../../components/amount.tsx'
import { FlowCard } from './flow-card.tsx'
import type { FlowGraph, FlowLink, FlowNode } from './flow-graph.ts'
import { type Frame, layoutOf, NODE_WIDTH, type PlacedNode, type Scale } from './flow-layout.ts'

/** A narrower picture has its labels above the nodes. */
export const NARROW = 760

interface FlowPictureProps {
  readonly graph: FlowGraph
  readonly scale: Scale
  readonly width: number
  /** Which second the numbers are of. */
  readonly second: string | undefined
}

/** Bands from the routes to the upstreams and from there to the servers, as wide as their traffic. */
export function FlowPicture({ graph, scale, width, second }: FlowPictureProps) {
  const pointed = useSignal<string | undefined>(undefined)
  const chosen = useSignal<string | undefined>(undefined)
  const isNarrow = width < NARROW
  const frame: Frame = isNarrow
    ? { width, height: 340, gutter: 0, head: 18, slot: 10 }
    : { width, height: 460, gutter: Math.min(240, width * 0.2), head: 0, slot: 26 }
  const requestsOf = useCalm(graph.links, second)
  const { height, nodes, ribbons } = layoutOf(graph, scale, frame, requestsOf)
  const lit = pointed.value ?? chosen.value
  const shown = nodes.find(({ node }) => node.id === lit)
  const litIds = lit === undefined ? undefined : connected(lit, graph.links)
  return (
    <div class="flow-picture">
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset holds no picture. */}
      <svg
        width={width}
        height={height}
        viewBox={`0 0 ${width} ${height}`}
        role="group"
        aria-label="Traffic from routes to upstreams to servers. The same as a table follows."
        class={litIds === undefined ? '' : 'pointed'}
      >
        <g>
          {ribbons.map(({ link, path }) => (
            <path
              key={link.id}
              class={`ribbon ${toneOf(link, requestsOf(link))} ${litIds?.has(link.id) ? 'lit' : ''}`}
              d={path}
            />
          ))}
        </g>
        {nodes.map((placed) => (
          <Node
            key={placed.node.id}
            placed={placed}
            frame={frame}
            isNarrow={isNarrow}
            isLit={litIds?.has(placed.node.id) === true}
            onPoint={(isPointed) => (pointed.value = isPointed ? placed.node.id : undefined)}
            onChoose={() => (chosen.value = chosen.peek() === placed.node.id ? undefined : placed.node.id)}
          />
        ))}
      </svg>
      {shown !== undefined && (
        <FlowCard
          placed={shown}
          frame={frame}
          isChosen={chosen.value === shown.node.id}
          onClose={() => (chosen.value = undefined)}
        />
      )}
    </div>
  )
}

interface NodeProps {
  readonly placed: PlacedNode
  readonly frame: Frame
  readonly isNarrow: boolean
  readonly isLit: boolean
  readonly onPoint: (isPointed: boolean) => void
  readonly onChoose: () => void
}

function Node({ placed: { node, x, y, height }, frame, isNarrow, isLit, onPoint, onChoose }: NodeProps) {
  const element = useRef<SVGGElement>(null)
  usePing(element, node.tone)
  const label = labelPlace(node.kind, x, y, height, isNarrow)
  const room = isNarrow ? frame.width / 3 - 6 : node.kind === 'upstream' ? 170 : frame.gutter - 14
  const rate = `${amountText(node.requests, 'rate')}/s`
  const name = cut(node.label, room - rate.length * 7 - 8)
  return (
    // biome-ignore lint/a11y/useSemanticElements: there are no buttons in SVG.
    <g
      ref={element}
      class={`node ${node.kind} ${node.tone} ${isLit ? 'lit' : ''}`}
      tabIndex={0}
      role="button"
      aria-label={`${name} ${rate}: ${describe(node, name)}`}
      onPointerEnter={({ pointerType }) => pointerType === 'mouse' && onPoint(true)}
      onPointerLeave={() => onPoint(false)}
      onFocus={() => onPoint(true)}
      onBlur={() => onPoint(false)}
      onClick={onChoose}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return
        event.preventDefault()
        onChoose()
      }}
    >
      <rect class="target" x={x - 8} y={y - 8 - frame.head} width={NODE_WIDTH + 16} height={height + 16 + frame.head} />
      <rect class="bar" x={x} y={y} width={NODE_WIDTH} height={height} rx={3} />
      <text style={{ transform: `translate(${label.x}px, ${label.y}px)` }} text-anchor={label.anchor}>
        <tspan class="name">{name}</tspan>{' '}
        <tspan class="rate" dx={4}>
          {rate}
        </tspan>
      </text>
    </g>
  )
}

function labelPlace(kind: FlowNode['kind'], x: number, y: number, height: number, isNarrow: boolean) {
  if (isNarrow) {
    const at = { route: x, upstream: x + NODE_WIDTH / 2, server: x + NODE_WIDTH }[kind]
    return { x: at, y: y - 6, anchor: ({ route: 'start', upstream: 'middle', server: 'end' } as const)[kind] }
  }
  const middle = y + height / 2 + 4
  return kind === 'route'
    ? { x: x - 10, y: middle, anchor: 'end' as const }
    : { x: x + NODE_WIDTH + 10, y: middle, anchor: 'start' as const }
}

/** How much of a difference is taken over with each second. */
const CALM = 0.5

/** The requests of links, following the numbers more calmly than they jump from second to second. */
function useCalm(links: readonly FlowLink[], second: string | undefined): (link: FlowLink) => number {
  const calm = useRef<ReadonlyMap<string, number>>(new Map())
  const last = useRef<string>(undefined)
  if (last.current !== second) {
    last.current = second
    const before = calm.current
    const follow = ({ id, requests }: FlowLink) => {
      const from = before.get(id) ?? requests
      return from + (requests - from) * CALM
    }
    calm.current = new Map(links.map((link) => [link.id, follow(link)]))
  }
  return ({ id, requests }) => calm.current.get(id) ?? requests
}

/** A node whose state changes draws attention. */
function usePing(element: { readonly current: SVGGElement | null }, tone: string) {
  const before = useRef(tone)
  useEffect(() => {
    if (before.current === tone) return
    before.current = tone
    const { current } = element
    if (current === null || matchMedia('(prefers-reduced-motion: reduce)').matches) return
    const frames = [
      { strokeWidth: '14px', strokeOpacity: 0.6 },
      { strokeWidth: '0px', strokeOpacity: 0 },
    ]
    current.querySelector('.bar')?.animate(frames, { duration: 1400, iterations: 2, easing: 'ease-out' })
  }, [tone])
}

/** What a node is, beyond what it shows. */
function describe({ kind, label, errors, words }: FlowNode, shown: string): string {
  const parts = [
    shown === label ? kind : `${kind} ${label}`,
    errors > 0 ? `${amountText(errors, 'rate')} errors/s` : '',
    words,
  ]
  return parts.filter((part) => part !== '').join(', ')
}

/** From this share of errors on, a band is shown as failing. */
const FAILING = 0.05

/** With fewer requests a second, none seem to flow. */
const IDLE = 0.1

/** @param width the requests that it is drawn for */
function toneOf({ to, requests, errors }: FlowLink, width: number): string {
  if (to.tone === 'bad') return 'bad cut'
  const failing = requests > 0 && errors / requests >= FAILING
  if (failing) return 'bad'
  if (to.tone === 'warn') return 'warn'
  return width < IDLE ? 'idle' : 'flowing'
}

/** The node itself, and all nodes and links that its traffic comes from and goes to. */
function connected(id: string, links: readonly FlowLink[]): ReadonlySet<string> {
  const found = new Set([id])
  const follow = (from: 'from' | 'to', to: 'from' | 'to') => {
    const reached = new Set([id])
    // Links to upstreams come after those to servers, and there are two steps at most.
    for (let step = 0; step < 2; step++) {
      for (const link of links) {
        if (!reached.has(link[from].id)) continue
        reached.add(link[to].id)
        found.add(link.id).add(link[to].id)
      }
    }
  }
  follow('from', 'to')
  follow('to', 'from')
  return found
}

/** Of a text of 12.5 px. */
const CHARACTER = 6.7

function cut(text: string, room: number): string {
  const most = Math.max(4, Math.floor(room / CHARACTER))
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`
}
