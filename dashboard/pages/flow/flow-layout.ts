import type { FlowGraph, FlowLink, FlowNode } from './flow-graph.ts'

export type Scale = 'log' | 'linear'

/** A node on the picture, in px. */
export interface PlacedNode {
  readonly node: FlowNode
  readonly x: number
  readonly y: number
  readonly height: number
}

export interface Ribbon {
  readonly link: FlowLink
  readonly path: string
}

export interface FlowLayout {
  readonly height: number
  readonly nodes: readonly PlacedNode[]
  readonly ribbons: readonly Ribbon[]
}

/** How the picture is divided. In px. */
export interface Frame {
  readonly width: number
  /** At least. */
  readonly height: number
  /** What stays free for labels at both sides. */
  readonly gutter: number
  /** What stays free for a label above each node. */
  readonly head: number
  /** The least height of a node with its gap. */
  readonly slot: number
}

export const NODE_WIDTH = 10
const GAP = 10
const THICKEST = 130
/** What is left for widths where a column is full of nodes. */
const SPARE = 160
const THINNEST = 1.5

/** Places all nodes, so that a node is as high as what flows through it is wide. */
export function layoutOf(
  { columns, links }: FlowGraph,
  scale: Scale,
  frame: Frame,
  requestsOf: (link: FlowLink) => number,
): FlowLayout {
  const weigh =
    scale === 'log' ? (requests: number) => Math.log1p(Math.max(0, requests)) : (requests: number) => requests
  const into = grouped(links, ({ to }) => to)
  const outOf = grouped(links, ({ from }) => from)
  const weights = new Map(links.map((link) => [link, weigh(requestsOf(link))]))
  const weightOf = (some: readonly FlowLink[] = []) => some.reduce((sum, link) => sum + weights.get(link)!, 0)
  const weightThrough = (node: FlowNode) => Math.max(weightOf(into.get(node.id)), weightOf(outOf.get(node.id)))
  const height = Math.max(
    frame.height,
    ...columns.map(({ length }) => length * (frame.slot + frame.head + GAP) + SPARE),
  )
  const unit = unitFor(
    columns.map((column) => column.map(weightThrough)),
    height,
    frame,
  )
  const thicknessOf = (link: FlowLink) => Math.max(THINNEST, weights.get(link)! * unit)
  const heightOf = (some: readonly FlowLink[] = []) => some.reduce((sum, link) => sum + thicknessOf(link), 0)

  const placed = new Map<string, PlacedNode>()
  for (const [index, column] of columns.entries()) {
    const heights = column.map(({ id }) => Math.max(4, heightOf(into.get(id)), heightOf(outOf.get(id))))
    const slots = heights.map((each) => Math.max(frame.slot, each) + frame.head)
    const free = height - slots.reduce((sum, slot) => sum + slot, 0)
    const gap = Math.min(56, free / (column.length + 1))
    let y = (height - slots.reduce((sum, slot) => sum + slot + gap, -gap)) / 2
    for (const [row, node] of column.entries()) {
      const own = heights[row]!
      const x = frame.gutter + ((frame.width - 2 * frame.gutter - NODE_WIDTH) * index) / 2
      placed.set(node.id, { node, x, y: y + frame.head + (slots[row]! - frame.head - own) / 2, height: own })
      y += slots[row]! + gap
    }
  }

  const starts = stacked(outOf, placed, ({ to }) => to, thicknessOf)
  const ends = stacked(into, placed, ({ from }) => from, thicknessOf)
  const ribbons = links.map((link) => {
    const [from, to] = [placed.get(link.from.id)!, placed.get(link.to.id)!]
    const path = pathOf(from.x + NODE_WIDTH, starts.get(link)!, to.x, ends.get(link)!, thicknessOf(link))
    return { link, path }
  })
  return { height, nodes: [...placed.values()], ribbons }
}

/** How many px a unit of traffic is, so that each column fits. */
function unitFor(columns: readonly (readonly number[])[], height: number, { slot, head }: Frame): number {
  const most = Math.max(0, ...columns.flat())
  if (most === 0) return 0
  const isTooLarge = (unit: number) =>
    columns.some((column) => {
      const needed = column.reduce((sum, weight) => sum + Math.max(slot, weight * unit) + head + GAP, GAP)
      return needed > height
    })
  let [low, high] = [0, THICKEST / most]
  if (!isTooLarge(high)) return high
  for (let round = 0; round < 24; round++) {
    const middle = (low + high) / 2
    if (isTooLarge(middle)) high = middle
    else low = middle
  }
  return low
}

/** Where each link begins at its node: in the order of the nodes at the other end, in the middle of the node. */
function stacked(
  byNode: ReadonlyMap<string, readonly FlowLink[]>,
  placed: ReadonlyMap<string, PlacedNode>,
  otherEnd: (link: FlowLink) => FlowNode,
  thicknessOf: (link: FlowLink) => number,
): ReadonlyMap<FlowLink, number> {
  const tops = new Map<FlowLink, number>()
  for (const [id, links] of byNode) {
    const { y, height } = placed.get(id)!
    const whole = links.reduce((sum, link) => sum + thicknessOf(link), 0)
    let top = y + (height - whole) / 2
    const yOf = (link: FlowLink) => placed.get(otherEnd(link).id)!.y
    for (const link of links.toSorted((one, other) => yOf(one) - yOf(other))) {
      tops.set(link, top)
      top += thicknessOf(link)
    }
  }
  return tops
}

function grouped(links: readonly FlowLink[], nodeOf: (link: FlowLink) => FlowNode): ReadonlyMap<string, FlowLink[]> {
  return Map.groupBy(links, (link) => nodeOf(link).id)
}

/** A band whose edges bend in the middle. */
function pathOf(x0: number, y0: number, x1: number, y1: number, thickness: number): string {
  const middle = (x0 + x1) / 2
  const n = (value: number) => value.toFixed(1)
  const upper = `M${n(x0)} ${n(y0)}C${n(middle)} ${n(y0)} ${n(middle)} ${n(y1)} ${n(x1)} ${n(y1)}`
  const [b0, b1] = [y0 + thickness, y1 + thickness]
  return `${upper}L${n(x1)} ${n(b1)}C${n(middle)} ${n(b1)} ${n(middle)} ${n(b0)} ${n(x0)} ${n(b0)}Z`
}
