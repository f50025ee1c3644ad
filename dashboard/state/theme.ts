import { effect, signal } from '@preact/signals'

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'limpet-theme'

export const theme = signal<Theme>(kept())
const prefersDark = matchMedia('(prefers-color-scheme: dark)')
const systemIsDark = signal(prefersDark.matches)
prefersDark.addEventListener('change', ({ matches }) => {
  systemIsDark.value = matches
})

/** Rises with each change of the colours, so that what is drawn on a canvas is drawn again. */
export const colours = signal(0)

effect(() => {
  systemIsDark.value
  if (theme.value === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme.value
  try {
    localStorage.setItem(KEY, theme.value)
  } catch {
    // It is not kept where the browser keeps nothing.
  }
  colours.value = colours.peek() + 1
})

function kept(): Theme {
  try {
    const value = localStorage.getItem(KEY)
    return value === 'light' || value === 'dark' ? value : 'system'
  } catch {
    return 'system'
  }
}

/** What a custom property of the style sheet is at this moment, for a canvas. */
export function colourOf(property: `--${string}`): string {
  const probe = document.createElement('i')
  probe.style.color = `var(${property})`
  document.body.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}
