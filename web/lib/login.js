import { useEffect, useRef, useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { logIn } from './api.js';
import { Button, Field } from './ui.js';

/** Asks for a key over what was shown before, which waits for it. */
export function Login({ onDone }) {
  const [state, setState] = useState({ isBusy: false, trouble: '' });
  const field = useRef();
  useEffect(() => field.current.focus(), []);
  const submit = async (event) => {
    event.preventDefault();
    setState({ isBusy: true, trouble: '' });
    try {
      await logIn(field.current.value);
      onDone();
    } catch (error) {
      setState({
        isBusy: false,
        trouble: error.status === 401 ? 'This key does not open anything.' : error.message,
      });
      field.current.select();
    }
  };
  return html`<section class="login page" aria-labelledby="login-title">
    <h1 id="login-title">This page needs a key</h1>
    <p class="soft">
      Who runs this service gives keys: <code>limner keys add</code>. It is kept in a cookie that no script
      can read.
    </p>
    <form onSubmit=${submit} method="post" action="/login">
      <${Field} label="API key" error=${state.trouble}>
        <input ref=${field} name="key" type="password" autocomplete="current-password" required />
      </${Field}>
      <${Button} kind="primary" type="submit" busy=${state.isBusy}>Open</${Button}>
    </form>
  </section>`;
}
