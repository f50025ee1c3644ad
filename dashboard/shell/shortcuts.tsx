import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { Dialog } from '../components/dialog.tsx'
import { goTo, linkTo } from '../state/place.ts'
import { pages } from './pages.ts'

/** How long the second key may take, in ms. */
const SECOND_KEY = 1500

const isShown = signal(false)
let firstKeyAt = Number.NEGATIVE_INFINITY

/** Keys: g and a letter for a page, / for the filter, ? for this list. */
export function Shortcuts() {
  useEffect(() => {
    document.addEventListener('keydown', hear)
    return () => document.removeEventListener('keydown', hear)
  }, [])
  if (!isShown.value) return null
  return (
    <Dialog title="Keys" onClose={() => (isShown.value = false)}>
      <dl class="keys">
        {pages.map(({ name, title, key }) => (
          <div key={name}>
            <dt>
              <kbd>g</kbd> <kbd>{key}</kbd>
            </dt>
            <dd>{title}</dd>
          </div>
        ))}
        <div>
          <dt>
            <kbd>/</kbd>
          </dt>
          <dd>Filter</dd>
        </div>
        <div>
          <dt>
            <kbd>?</kbd>
          </dt>
          <dd>These keys</dd>
        </div>
        <div>
          <dt>
            <kbd>Esc</kbd>
          </dt>
          <dd>Close a dialog</dd>
        </div>
      </dl>
    </Dialog>
  )
}

function hear(event: KeyboardEvent): void {
  const { key, ctrlKey, metaKey, altKey, target } = event
  if (ctrlKey || metaKey || altKey || document.querySelector('dialog[open]') !== null) return
  if (target instanceof HTMLElement && target.closest('input, textarea, select') !== null) return
  const page = pages.find((entry) => entry.key === key)
  if (page !== undefined && performance.now() - firstKeyAt < SECOND_KEY) goTo(linkTo(page.name))
  firstKeyAt = key === 'g' ? performance.now() : Number.NEGATIVE_INFINITY
  if (key === '?') isShown.value = true
  const filter = key === '/' ? document.querySelector<HTMLElement>('main input[type=search]') : null
  if (filter === null) return
  event.preventDefault()
  filter.focus()
}
