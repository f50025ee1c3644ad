import { type ReadonlySignal, signal } from '@preact/signals'
import type { Tone } from './happening.ts'

export interface Toast {
  readonly id: number
  readonly tone: Tone
  readonly text: string
}

/** How long one stays, in ms. */
const STAYS = 6000
const MOST = 4

const shown = signal<readonly Toast[]>([])
let lastId = 0

export const toasts: ReadonlySignal<readonly Toast[]> = shown

export function say(text: string, tone: Tone = 'plain'): void {
  const id = ++lastId
  shown.value = [...shown.peek(), { id, tone, text }].slice(-MOST)
  setTimeout(() => dismiss(id), STAYS)
}

export function dismiss(id: number): void {
  shown.value = shown.peek().filter((toast) => toast.id !== id)
}
