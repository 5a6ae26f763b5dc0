/**
 * Puts the tools of <a href="https://docs.langchain4j.dev">LangChain4j</a> behind approval: {@link
 * dev.signoff.langchain4j.ToolGate}.
 */
package dev.signoff.langchain4j;
