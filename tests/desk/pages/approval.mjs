// One approval, and the edit of its arguments.

export class ApprovalPage {
  page;

  constructor(person) {
    this.page = person.page;
  }

  async open(id) {
    await this.page.goto(`/approvals/${id}`);
    return this;
  }

  button(name) {
    return this.page.getByRole('button', { name, exact: true });
  }

  get comment() {
    return this.page.getByRole('textbox', { name: /comment/i });
  }

  get main() {
    return this.page.getByRole('main');
  }

  /** Waits until nothing can be decided any more. */
  async closed() {
    await this.page.getByRole('button', { name: /^(Approve|Reject|Edit)/ }).first().waitFor({ state: 'hidden' });
  }

  /** Approves; what asks for a second tap gets it. */
  async approve(comment) {
    if (comment) await this.comment.fill(comment);
    const asks = await this.button('Approve…').count();
    await this.button(asks ? 'Approve…' : 'Approve').click();
    if (asks) await this.confirm();
  }

  async reject(comment) {
    if (comment) await this.comment.fill(comment);
    await this.button('Reject').click();
  }

  /** Waits until the page says this. */
  async says(text) {
    await this.main.getByText(text).first().waitFor();
  }

  /** Chooses one of the policy's reasons. */
  async choosePreset(reason) {
    await this.page.getByRole('combobox', { name: /reason/i }).selectOption(reason);
  }

  /** Waits for the second question, and for what it says. */
  async confirms(sentence) {
    await this.page.getByRole('heading', { name: 'Approve?' }).waitFor();
    await this.says(sentence);
  }

  /** Answers the second question. */
  async confirm() {
    await this.page.getByRole('heading', { name: 'Approve?' }).waitFor();
    await this.button('Approve').click();
  }

  /** Revokes, with the question in between. */
  async revoke(reason) {
    await this.button('Revoke…').click();
    await this.page.getByRole('heading', { name: 'Revoke?' }).waitFor();
    await this.page.getByRole('textbox', { name: /reason/i }).fill(reason);
    await this.button('Revoke').click();
  }

  async edit() {
    await this.button('Edit…').click();
  }

  /** Sends an edit, to see the difference. */
  async review() {
    await this.page.getByRole('button', { name: /difference|review/i }).click();
  }

  /** Approves the difference that is shown. */
  async confirmEdit() {
    await this.page.getByRole('button', { name: /approve/i }).click();
  }
}
