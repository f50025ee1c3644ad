import { parse } from 'yaml'
import { scalar } from '../../../config/interpolate.ts'
import type { KeyPath } from '../../../config/key-path.ts'
import type { Issue } from '../../../config/validate.ts'
import { areRelated } from './label-path.ts'

/** A label that sets one value of the configuration. */
export interface ValueLabel {
  /** The whole name. */
  readonly label: string
  /** Where its value belongs, from the part of the configuration that is read. */
  readonly path: KeyPath
  readonly text: string
}

export interface LabelIssue {
  /** Absent: none in particular. */
  readonly label?: string
  readonly message: string
  readonly hint?: string | undefined
}

interface LabelledValues {
  readonly value: Record<string, unknown>
  readonly issues: readonly LabelIssue[]
}

/**
 * The part of a configuration that labels describe. Each value is read as the schema wants it: as text, as a number or a switch, or
 * as a list, whichever is valid first.
 */
export function readValues(
  labels: readonly ValueLabel[],
  check: (value: Record<string, unknown>) => readonly Issue[],
): LabelledValues {
  const readings = labels.map(({ text }) => readingsOf(text))
  const chosen = labels.map(() => 0)
  for (;;) {
    const value = assembled(labels, (at) => readings[at]![chosen[at]!])
    const issues = check(value)
    if (issues.length === 0) return { value, issues: [] }
    const meant = withKind(issues, labels, check)
    if (meant !== undefined) return meant
    if (!advance(issues, labels, readings, chosen)) break
  }
  // None is valid: the mistake of the plainest reading is reported.
  const value = assembled(labels, (at) =>
    chosen[at] === readings[at]!.length - 1 ? plainest(labels[at]!.text.trim()) : readings[at]![chosen[at]!],
  )
  return { value, issues: check(value).map((issue) => ofLabel(issue, labels)) }
}

/** `health.check.path` needs no `health.check.type=http` beside it, since no other kind of check has a path. */
function withKind(
  issues: readonly Issue[],
  labels: readonly ValueLabel[],
  check: (value: Record<string, unknown>) => readonly Issue[],
): LabelledValues | undefined {
  const issue = issues.find(({ choices }) => choices !== undefined)
  const cause = issue && labels.find(({ path }) => areRelated(path, issue.path.slice(0, -1)))
  if (issue === undefined || cause === undefined || labels.some(({ path }) => areRelated(path, issue.path)))
    return undefined
  const meant = issue.choices!.map((text) =>
    readValues([...labels, { label: cause.label, path: issue.path, text }], check),
  )
  const valid = meant.filter((each) => each.issues.length === 0)
  return valid.length === 1 ? valid[0] : undefined
}

/** Chooses the next reading of a label for each issue that it may be to blame for. Returns whether there is one. */
function advance(
  issues: readonly Issue[],
  labels: readonly ValueLabel[],
  readings: readonly (readonly unknown[])[],
  chosen: number[],
): boolean {
  const blamed = new Set<number>()
  for (const { path } of issues) {
    const at = labels.findIndex((label, index) => {
      return areRelated(label.path, path) && chosen[index]! < readings[index]!.length - 1
    })
    if (at >= 0) blamed.add(at)
  }
  for (const at of blamed) chosen[at]!++
  return blamed.size > 0
}

/** What a text may mean, in the order in which it is tried. */
function readingsOf(written: string): readonly unknown[] {
  const text = written.trim()
  if (/^(['"]).*\1$/.test(text) || flow.test(text)) return [...inYaml(text), text]
  const parts = listedIn(text)
  return parts.length > 1
    ? [parts, parts.map(scalar), text]
    : [...new Set([scalar(text), text]), [text], [scalar(text)]]
}

/** What looks like a list or a mapping of YAML is meant to be one. */
function plainest(text: string): unknown {
  const [read] = flow.test(text) ? inYaml(text) : []
  return read ?? scalar(text)
}

const flow = /^(?:\[.*\]|\{.*\})$/s

/** The parts of a list by commas or spaces. */
function listedIn(text: string): string[] {
  return text.split(/[\s,]+/).filter((part) => part !== '')
}

function inYaml(text: string): unknown[] {
  try {
    return [parse(text, { maxAliasCount: 0 })]
  } catch {
    return []
  }
}

function assembled(labels: readonly ValueLabel[], readingOf: (at: number) => unknown): Record<string, unknown> {
  const whole: Record<PropertyKey, unknown> = {}
  for (const [at, { path }] of labels.entries()) place(whole, path, readingOf(at))
  return whole
}

function place(whole: Record<PropertyKey, unknown>, path: KeyPath, value: unknown): void {
  let part = whole
  for (const [at, step] of path.slice(0, -1).entries()) {
    const within = Object.hasOwn(part, step) ? part[step] : undefined
    // A label for the whole, such as affinity=cookie beside affinity.cookie=ID: the more precise ones win.
    const next = typeof within === 'object' && within !== null ? within : typeof path[at + 1] === 'number' ? [] : {}
    part[step] = next
    part = next as Record<PropertyKey, unknown>
  }
  const last = path.at(-1)!
  const isPart = Object.hasOwn(part, last) && typeof part[last] === 'object'
  if (!isPart) part[last] = value
}

function ofLabel({ path, message, hint }: Issue, labels: readonly ValueLabel[]): LabelIssue {
  const label = path.length === 0 ? undefined : labels.find((each) => areRelated(each.path, path))?.label
  return { ...(label !== undefined && { label }), message, hint }
}
