import './styles/font.css'
import './styles/tokens.css'
import './styles/base.css'
import './styles/shell.css'
import './styles/components.css'
import { render } from 'preact'
import { App } from './shell/app.tsx'
import { start } from './state/live.ts'

start()
render(<App />, document.getElementById('app')!)
